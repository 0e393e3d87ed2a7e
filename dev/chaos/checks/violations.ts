import { PROBLEMS } from '../../harness/actions/journal';

/** All that must not happen, and how the report names it. */
export const VIOLATIONS = {
  notEnded: 'a task has not ended',
  noneRanAgain: 'none: a step ran in a second run',
  noneNotFromFirst: 'none: a run was not all steps from the first on',
  restartNotFromFirst: 'restart: a run was not all steps from the first on',
  finishedStepAgain: 'idempotent: a finished step ran again and was not needed',
  laterStepLeftOut:
    'idempotent: a step after one that had failed did not run again',
  stepLeftOut: 'a task completed without having run all that it had to',
  stepTwiceAtOnce: 'a step ran twice at the same time',
  runsAtOnce: 'two runs of a task were alive at the same time',
  decidedOnOwnedRun: 'a task was decided on while a run of it was alive',
  decidedTwice: 'an interruption was decided on twice',
  decidedAfterClosing: 'a closed task was decided on again',
  ranAfterEnd: 'a step began after its task had ended',
  failedForDatabase:
    'restart, idempotent: a task failed, and none of its steps did',
  secretsLeft: 'secrets were left in the database',
  workspaceNotFresh: 'a run began in a workspace that was not empty',
  workspaceLost: 'a run lost its workspace',
  fileMissing: 'a file of a step that another depends on was missing',
  filesWrong: 'a step found other files than the steps before it had left',
  outputNotRestored: 'the output of an earlier step was missing',
  secretMissing: 'the secret was missing in a step',
  plannedUnasked:
    'an interruption counted as planned though the process was not asked to end',
  closedTooSoon: 'a task that may run again was closed before its limit',
  poisonNotStopped: 'a task that ends its process was tried beyond its limit',
  retryLost: 'a retry was answered and did not happen',
  retryNotRecorded: 'a retry was not recorded though its process lived on',
  retryRecordedFalsely: 'a retry was recorded that did not happen, or twice',
  noRetry: 'no task whose step had failed by itself was started again',
  retryMisjudged: 'a retry was not decided on by the strategy of its template',
  recordFalse:
    'the record of a decision does not fit what had finished, or what ran',
  missingUntold: 'a snapshot was missing, and nobody said why',
  filesLeft:
    'files were left in a store, when all tasks had ended and the time to keep them was over',
  recordNotKept: 'a step ran that is recorded as skipped',
  expiryNotTold: 'an expired sign-in was not told',
} satisfies Record<string, string> & Record<(typeof PROBLEMS)[number], string>;
export type ViolationKind = keyof typeof VIOLATIONS;

export type Violation = {
  kind: ViolationKind;
  taskId: string;
  /** With times since 1970 in milliseconds, see `formatTimes`. */
  detail: string;
};

export function violation(
  kind: ViolationKind,
  { id }: { id: string },
  detail: string,
): Violation {
  return { kind, taskId: id, detail };
}

/** Decisions after which no other may follow. */
export const CLOSING = ['failed', 'cancelled'];
