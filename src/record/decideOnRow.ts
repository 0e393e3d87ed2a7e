import { InterruptedTaskRow } from '../database/operations/interrupted/selectForDecision';
import { decide, Decision } from '../decision/decision';
import { TaskHistory } from '../decision/plan/history';
import { SnapshotNeeds } from '../decision/plan/snapshotNeeds';
import { TaskStrategy } from '../decision/strategy';

/** What of the configuration tasks are decided by. */
export type DecisionConfig = {
  /** How often a task is recovered in a row without progress, unless its template sets `maxAttempts`. */
  maxAttempts: number;
  /** The scaffolder's janitor closes tasks that were silent for this long. */
  taskTimeoutSeconds: number;
  /** Nothing if no files of running tasks are kept. */
  snapshots?: {
    /** The stores and keys that snapshots can be read with. */
    readable: SnapshotNeeds;
  };
};

/** Decides on a task as it was read. */
export function decideOnRow(
  task: InterruptedTaskRow,
  options: { history: TaskHistory; config: DecisionConfig },
): { decision: Decision; strategy?: TaskStrategy } {
  const { history, config } = options;
  const strategy = task.remembered as TaskStrategy | undefined;
  const decision = decide({
    spec: task.spec,
    state: task.state,
    secrets: task.secrets,
    hasHeartbeat: task.last_heartbeat_at !== null,
    secondsSilent: task.secondsSilent,
    history,
    strategy,
    interruptedBy: task.interruptedBy,
    effort: task.last,
    maxAttempts: config.maxAttempts,
    taskTimeoutSeconds: config.taskTimeoutSeconds,
    hasSnapshots: config.snapshots !== undefined,
  });
  return { decision, strategy };
}
