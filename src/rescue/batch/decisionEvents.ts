import { NewTaskEvent } from '../../scaffolder/taskEvents';
import { asLines } from '../../decision/messages/format';
import { stepMessages } from '../../decision/messages/stepMessages';
import { Closed, isClosed, WrittenDecision } from '../../record/decidedTask';

/** What the log of a task says of its decision, and for one that is closed its end. */
export function decisionEvents({
  task,
  decision,
  reason,
}: WrittenDecision): NewTaskEvent[] {
  if (isClosed(decision)) {
    return closeEvents(task.id, decision, reason);
  }
  return stepMessages(decision, task).map(({ stepId, message }) => ({
    taskId: task.id,
    type: 'log',
    body: { message: asLines(message), stepId },
  }));
}

function closeEvents(
  taskId: string,
  { runningSteps, interruptedAt, kind }: Closed,
  message: string,
): NewTaskEvent[] {
  const lines = runningSteps.map((stepId): NewTaskEvent => ({
    taskId,
    type: 'log',
    body: { message: asLines(message), stepId, status: kind },
  }));
  if (lines.length === 0 && interruptedAt) {
    // Between two steps: the reason is shown where the task stopped, but that step did not fail.
    const body = { message: asLines(message), stepId: interruptedAt };
    lines.push({ taskId, type: 'log', body });
  }
  const error = { name: 'InterruptedError', message };
  const body = kind === 'failed' ? { message, error } : { message };
  return [...lines, { taskId, type: 'completion', body }];
}
