/** What a task's events tell about it. */
export type TaskHistory = {
  /** Somebody cancelled the task. A retry removes that event (`retryTask` in the scaffolder's DatabaseTaskStore, 4.2.0). */
  cancelled: boolean;
  /** The last state of each step that the current run has reached: processing, completed, failed, skipped, cancelled. */
  stepStates: Map<string, string>;
};

/** Reads a task's events. Bodies that are no JSON are passed over. */
export function readHistory(
  events: { event_type: string; body: string }[],
): TaskHistory {
  let cancelled = false;
  const stepStates = new Map<string, string>();
  for (const { event_type, body } of events) {
    if (event_type === 'cancelled') {
      cancelled = true;
    } else if (event_type === 'recovered') {
      // What follows is another run, in which every step starts open, as in the UI.
      stepStates.clear();
    } else {
      const { stepId, status } = parseBody(body);
      if (typeof stepId === 'string' && typeof status === 'string') {
        stepStates.set(stepId, status);
      }
    }
  }
  return { cancelled, stepStates };
}

function parseBody(body: string): { stepId?: unknown; status?: unknown } {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {};
  }
}
