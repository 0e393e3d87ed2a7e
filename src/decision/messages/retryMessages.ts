import { inQuotes } from '../../template/shown';
import {
  againMessages,
  goesOnSentences,
  outcome,
  planParts,
  StepMessage,
  whyNone,
} from './messages';
import { PlannedRetry } from '../retry';

/** Why a task runs that was started again after it had ended, and what of it. */
export function retryReason({ task, strategy, retry }: PlannedRetry): string {
  const begin = `Started again after it had ${hadEnded(task.status, retry)}`;
  if (task.status === 'completed') {
    return `${begin}: all its steps run again.`;
  }
  switch (strategy?.strategy) {
    case 'idempotent':
      return `${begin}. ${
        retry.kind === 'finish'
          ? 'All its steps had finished. None runs again; its result is recorded now.'
          : goesOnSentences(retry.plan, retry.plan.goesOnAt)
      }`;
    case 'restart':
      return `${begin}. Its template has the recovery strategy 'restart': it runs again from its first step.`;
    case undefined:
      return `${begin}. It runs from its first step, since its recovery strategy could not be looked up.`;
    default:
      return `${begin}. It runs from its first step, as ${whyNone(strategy)}.`;
  }
}

/** The one line about a retry in the backend's log. */
export function retryLine(planned: PlannedRetry): string {
  const { task, strategy, retry } = planned;
  return [
    `Task ${task.id} of ${
      retry.templateRef ?? 'an unknown template'
    }, strategy '${strategy?.strategy ?? 'unknown'}', was started again after it had ${hadEnded(
      task.status,
      retry,
    )}: ${outcome(retry)}`,
    ...planParts(retry.plan),
    ...(strategy?.remark ? [strategy.remark] : []),
  ].join('; ');
}

/** What people see in the log of a task that was started again. Nothing of one whose template says nothing of recovery. */
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
