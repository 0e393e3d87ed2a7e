import { RecoveryConfig } from '../config';
import { InterruptedTaskRow } from '../database/operations/interrupted/selectForDecision';
import { decide, Decision } from '../decision/decision';
import { TaskHistory } from '../decision/plan/history';
import { TaskStrategy } from '../decision/strategy';

/** Decides on a task as it was read. */
export function decideOnRow(
  task: InterruptedTaskRow,
  options: {
    history: TaskHistory;
    config: Pick<
      RecoveryConfig,
      'maxAttempts' | 'taskTimeoutSeconds' | 'snapshots'
    >;
  },
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
