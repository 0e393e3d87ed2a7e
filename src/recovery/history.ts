/** What a task's events tell about it. */
export type TaskHistory = {
  /** Somebody cancelled the task. A retry removes that event (`retryTask` in the scaffolder's DatabaseTaskStore, 4.2.0). */
  cancelled: boolean;
  /** The last state of each step that the current run has reached: processing, completed, failed, skipped, cancelled. */
  stepStates: Map<string, string>;
  /** The steps that finished in any of its runs. */
  finishedSteps: Set<string>;
};

/**
 * Reads what is known of a task's course.
 *
 * @param events - as JSON: bodies of log events, and for events of those types the strings `cancelled` and `recovered`. What is
 *   no JSON is passed over.
 */
export function readHistory(events: string[] = []): TaskHistory {
  const history: TaskHistory = {
    cancelled: false,
    stepStates: new Map(),
    finishedSteps: new Set(),
  };
  for (const event of events) {
    addEvent(history, parseOrPass(event));
  }
  return history;
}

function addEvent(history: TaskHistory, event: unknown): void {
  if (event === 'cancelled') {
    history.cancelled = true;
  } else if (event === 'recovered') {
    // What follows is another run, in which every step starts open, as in the UI.
    history.stepStates.clear();
  } else {
    const { stepId, status } = Object(event);
    if (typeof stepId === 'string' && typeof status === 'string') {
      history.stepStates.set(stepId, status);
      if (status === 'completed') {
        history.finishedSteps.add(stepId);
      }
    }
  }
}

function parseOrPass(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
