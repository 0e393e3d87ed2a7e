import { InterruptedTaskRow } from '../database/operations/selectForDecision';
import { decide, Decision } from './decision';
import { TaskHistory } from './history';
import { TaskStrategy } from './strategy';

/** Decides on a task as it was read. */
export function decideOnRow(
  task: InterruptedTaskRow,
  options: { history: TaskHistory; maxAttempts: number },
): { decision: Decision; strategy?: TaskStrategy } {
  const { history, maxAttempts } = options;
  const strategy = task.remembered as TaskStrategy | undefined;
  const decision = decide({
    spec: task.spec,
    state: task.state,
    secretsReadable: task.secretsReadable,
    hasHeartbeat: task.last_heartbeat_at !== null,
    history,
    strategy,
    planned: task.planned,
    effort: task.last,
    maxAttempts,
  });
  return { decision, strategy };
}
