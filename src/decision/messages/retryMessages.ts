import { inQuotes } from '../../util/shown';
import { PlannedRetry } from '../retry';
import { outcomePart, taskPart } from './logLines';
import { planParts, planSentences } from './planMessages';
import { whyNone } from './reason';
import { againMessages, StepMessage } from './stepMessages';

/** For the task's log and the record: why a task runs that was started again after it had ended, and from which step. */
export function retryReason({ task, strategy, retry }: PlannedRetry): string {
  const begin = `Started again after it had ${hadEnded(task.status, retry)}`;
  if (task.status === 'completed') {
    return `${begin}: all its steps run again.`;
  }
  switch (strategy?.strategy) {
    case 'idempotent':
      return `${begin}. ${
        retry.kind === 'finish'
          ? 'All its steps had finished: none runs again, and its result is recorded.'
          : planSentences(retry.plan, retry.plan.goesOnAt)
      }`;
    case 'restart':
      return `${begin}. Its template has the recovery strategy 'restart': the task runs again from its first step.`;
    case undefined:
      return `${begin}. It runs from its first step, because the catalog did not return its recovery strategy.`;
    default:
      return `${begin}. It runs from its first step, because ${whyNone(strategy)}.`;
  }
}

/** The one line about a retry in the backend's log. */
export function retryLine({ task, strategy, retry }: PlannedRetry): string {
  return [
    taskPart(task.id, retry, strategy, outcomePart(retry)),
    `started again after it had ${hadEnded(task.status, retry)}`,
    ...planParts(retry.plan),
    ...(strategy?.remark ? [strategy.remark] : []),
  ].join('; ');
}

/** For the log of a task that was started again. Nothing if its template sets no strategy, or `none`. */
export function retryMessages(planned: PlannedRetry): StepMessage[] {
  const { strategy, retry } = planned;
  if (!strategy || strategy.strategy === 'none') {
    return [];
  }
  const stepId = retry.plan.goesOnAt ?? retry.plan.skipped.at(-1);
  return [
    ...(stepId ? [{ stepId, message: retryReason(planned) }] : []),
    ...againMessages(retry.plan),
  ];
}

function hadEnded(status: string, { endedAt }: PlannedRetry['retry']): string {
  return status === 'completed'
    ? 'completed'
    : `ended as ${status}${endedAt ? ` at step ${inQuotes(endedAt)}` : ''}`;
}
