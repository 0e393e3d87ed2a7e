import type { Epoch, TaskEvidence } from '../../evidence/epochs';
import type { RetryRecord } from '../../evidence/records';
import type { ProcessLife } from '../../../harness/backend/Replica';
import { describe } from '../../evidence/runs';
import { RETRY_RECORDED_MS } from '../../settings';
import { Strategy } from '../../tasks/templates';
import { Violation, violation } from '../violations';

/** What the decision on a retry of a failed task may be. */
const DECISIONS: Record<Strategy, string[]> = {
  none: ['restart'],
  restart: ['restart'],
  idempotent: ['resume', 'finish'],
};

/** A retry that was answered happened, and one that happened is recorded, once, as the task's template asks for. */
export function checkRetry(
  { task, attempts, retry }: TaskEvidence,
  lifetimes: ProcessLife[],
): Violation[] {
  const found: Violation[] = [];
  const records = attempts.filter(a => a.trigger === 'retry');
  const hasHappened = retry?.at !== undefined;
  const report = (kind: Violation['kind'], detail: string) =>
    found.push({ kind, taskId: task.id, detail });

  if (retry?.answer === 'started' && !hasHappened) {
    report(
      'retryLost',
      `asked for at ${retry.sentAt}, answered at ${retry.answeredAt}`,
    );
  }
  if (records.length > (hasHappened ? 1 : 0)) {
    report(
      'retryRecordedFalsely',
      `${records.length} are recorded, ${hasHappened ? 1 : 0} happened`,
    );
  }
  if (hasHappened && records.length === 0 && !mayBeMissing(retry, lifetimes)) {
    report(
      'retryNotRecorded',
      `it happened at ${retry.at}, and process ${retry.pid} answered at ${retry.answeredAt}`,
    );
  }
  for (const { attempt, decision, strategy, planned } of records) {
    const isJudged =
      strategy === null
        ? // It could not be looked up, and nothing is guessed.
          decision === 'restart'
        : strategy === task.strategy &&
          DECISIONS[task.strategy].includes(decision);
    if (!isJudged || planned) {
      report(
        'retryMisjudged',
        `attempt ${attempt} has strategy ${strategy} and decision ${decision}${planned ? ', and is planned' : ''}`,
      );
    }
  }
  return found;
}

/**
 * The record is written right after the answer, so a process that dies in that moment leaves it out. One that was told that its
 * statement failed does not know that the task was started again.
 */
function mayBeMissing(
  { pid, sentAt, answeredAt, answer }: RetryRecord,
  lifetimes: ProcessLife[],
): boolean {
  return (
    answer === 'refused' ||
    lifetimes.some(
      l =>
        l.pid === pid &&
        l.startedAt <= sentAt &&
        l.exitedAt !== undefined &&
        l.exitedAt >= sentAt &&
        l.exitedAt <= answeredAt + RETRY_RECORDED_MS,
    )
  );
}

/** No run has a step that the decision before it, on an interruption or on a retry, says is skipped. */
export function checkRecord({
  task,
  runs,
  attempts,
  retryRecord,
}: Epoch): Violation[] {
  const decisions = retryRecord ? [retryRecord, ...attempts] : attempts;
  return runs.flatMap(run => {
    const last = decisions.findLast(a => a.at <= run.beganAt);
    return run.steps
      .filter(s => last?.skipped.includes(s.stepId))
      .map(({ stepId }) =>
        violation(
          'recordNotKept',
          task,
          `${stepId} is skipped by attempt ${last!.attempt} at ${last!.at}; ${describe(run)}`,
        ),
      );
  });
}
