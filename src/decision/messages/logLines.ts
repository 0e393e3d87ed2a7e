import { formatDuration } from '../../util/durations';
import { inQuotes } from '../../util/shown';
import { Attempt } from '../attempts';
import { FinalDecision } from '../decision';
import { Retry } from '../retry';
import { TaskStrategy } from '../strategy';
import { formatTime } from './format';
import { planParts } from './planMessages';
import { evidenceOf, problemOf, Silence } from './reason';

type ClosedBecause = Extract<FinalDecision, { kind: 'failed' }>['because'];

/** The one line about a decision in the backend's log. */
export function decisionLine(options: {
  taskId: string;
  decision: FinalDecision;
  strategy?: TaskStrategy;
  silence: Silence;
  signInExpiredAt?: Date;
}): string {
  const { taskId, decision, strategy, silence, signInExpiredAt } = options;
  return [
    taskPart(taskId, decision, strategy, outcomePart(decision)),
    interruptionPart(decision, silence),
    ...('plan' in decision ? planParts(decision.plan) : []),
    ...('attempt' in decision ? attemptParts(decision.attempt) : []),
    ...(signInExpiredAt
      ? [`the sign-in expired at ${formatTime(signInExpiredAt)}`]
      : []),
    ...(strategy?.remark ? [strategy.remark] : []),
  ].join('; ');
}

/** A line in the backend's log: an interrupted task waits for its isolated final attempt, or for that of another task. */
export function waitingLine(taskId: string): string {
  return `Task ${taskId} is interrupted and waits: its earlier attempts made no progress, and final attempts of such tasks run one at a time, beside no other such task`;
}

/** How a line about a task begins: which task it is, and what happens to it. */
export function taskPart(
  taskId: string,
  { templateRef }: { templateRef?: string },
  strategy: TaskStrategy | undefined,
  what: string,
): string {
  return `Task ${taskId} of ${templateRef ?? 'an unknown template'}, strategy '${
    strategy?.strategy ?? 'unknown'
  }', ${what}`;
}

/** What happens to a task, as the end of a sentence. */
export function outcomePart(decision: FinalDecision | Retry): string {
  switch (decision.kind) {
    case 'cancelled':
      return 'is closed as cancelled: it had been cancelled';
    case 'failed':
      return `is closed as failed${whyClosed(decision.because)}`;
    case 'finish':
      return 'has its result recorded: all its steps had finished';
    case 'restart':
      return 'runs again from its first step';
    default:
      return `goes on at step ${inQuotes(decision.plan.goesOnAt ?? '')}`;
  }
}

/** Nothing for `none`, which the line has as the strategy. */
function whyClosed(reason: ClosedBecause): string {
  switch (reason.kind) {
    case 'tooOld':
      return ': it was silent for longer than scaffolder.taskTimeout';
    case 'noSecrets':
      return ': it was started before recovery was on, and its secrets are gone';
    case 'unreadable':
      return `: ${reason.problem}`;
    case 'attempts':
      return `: it made no progress in ${reason.tries} attempts`;
    default:
      return '';
  }
}

function interruptionPart(
  { interruptedAt }: { interruptedAt?: string },
  silence: Silence,
): string {
  return `interrupted ${
    interruptedAt
      ? `at step ${inQuotes(interruptedAt)}`
      : 'before its first step'
  }, silent for ${formatDuration(silence.secondsSilent)}${causePart(silence)}`;
}

function causePart(silence: Silence): string {
  switch (silence.interruptedBy) {
    case 'shutdown':
      return ' after a planned shutdown';
    case 'crash':
      return ` after a crash (${evidenceOf(silence.knownBy)})`;
    case 'connection':
      return ` after a lost connection to the database${problemOf(silence)}`;
    default:
      return '';
  }
}

/** Any task may need a first recovery, so only further ones are mentioned. */
function attemptParts({
  attemptsUsed,
  limit,
  isFinalAttempt,
}: Attempt): string[] {
  return attemptsUsed > 1
    ? [
        `recovery ${attemptsUsed} of at most ${limit} without progress${
          isFinalAttempt ? ', isolated' : ''
        }`,
      ]
    : [];
}
