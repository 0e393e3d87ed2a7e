/** What a task's events tell about it. */
export type TaskHistory = {
  /** Somebody cancelled the task. A retry removes that event (`retryTask` in the scaffolder's DatabaseTaskStore, 4.2.0). */
  cancelled: boolean;
  /** The last state of each step that the current run has reached: processing, completed, failed, skipped, cancelled. */
  stepStates: Map<string, string>;
  /** The steps that finished in any of its runs. */
  finishedSteps: Set<string>;
};

type TaskEvent = { task_id: string; event_type: string; body: string };

/** Reads the events of tasks, for each of the tasks. Bodies that are no JSON are passed over. */
export function readHistories(
  taskIds: string[],
  events: TaskEvent[],
): Map<string, TaskHistory> {
  const histories = new Map(
    taskIds.map((id): [string, TaskHistory] => [
      id,
      { cancelled: false, stepStates: new Map(), finishedSteps: new Set() },
    ]),
  );
  for (const event of events) {
    addEvent(histories.get(event.task_id)!, event);
  }
  return histories;
}

function addEvent(history: TaskHistory, event: TaskEvent): void {
  if (event.event_type === 'cancelled') {
    history.cancelled = true;
  } else if (event.event_type === 'recovered') {
    // What follows is another run, in which every step starts open, as in the UI.
    history.stepStates.clear();
  } else {
    const { stepId, status } = parseBody(event.body);
    if (typeof stepId === 'string' && typeof status === 'string') {
      history.stepStates.set(stepId, status);
      if (status === 'completed') {
        history.finishedSteps.add(stepId);
      }
    }
  }
}

function parseBody(body: string): { stepId?: unknown; status?: unknown } {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {};
  }
}
