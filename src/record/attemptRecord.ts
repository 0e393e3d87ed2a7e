import { NewAttempt } from '../database/operations/attempts/recordAttempts';
import { Plan } from '../decision/plan/plan';
import { isClosed, WrittenDecision } from './decidedTask';
import { stepAgainRecord } from './stepAgainRecord';

/** The record of a decision on an interrupted task. */
export function attemptRecord({
  task,
  decision,
  strategy,
  attempt,
  reason,
}: WrittenDecision): NewAttempt {
  const {
    skipped = [],
    again = [],
    files,
  } = 'plan' in decision ? decision.plan : ({} as Partial<Plan>);
  return {
    taskId: task.id,
    attempt,
    decision: decision.kind,
    isClose: isClosed(decision),
    templateRef: decision.templateRef,
    strategy: strategy?.strategy,
    strategySource: strategy?.source,
    reason,
    interruptedAt: decision.interruptedAt,
    skippedSteps: skipped,
    stepsAgain: again.map(stepAgainRecord),
    files,
    secondsSilent: task.secondsSilent,
    interruptedBy: task.interruptedBy,
    knownBy: task.knownBy,
    ...('attempt' in decision
      ? {
          attemptsUsed: decision.attempt.attemptsUsed,
          finishedSteps: decision.attempt.finishedSteps,
          finalAttempt: decision.attempt.isFinalAttempt,
        }
      : // A manual retry of a closed task starts the count anew.
        {
          attemptsUsed: 0,
          finishedSteps: task.last?.finishedSteps ?? 0,
          finalAttempt: false,
        }),
  };
}
