import { formatDuration } from '../../util/durations';
import { inQuotes } from '../../util/shown';
import { Attempt } from '../attempts';
import { FinalDecision } from '../decision';
import { InterruptedBy, KnownBy } from '../../util/interruption';
import { TaskStrategy } from '../strategy';
import { planSentences } from './planMessages';

/** How long a task had no heartbeat, and what is known of why. */
export type Silence = {
  secondsSilent: number;
  interruptedBy: InterruptedBy;
  /** Of a crash. */
  knownBy?: KnownBy;
  /** Of a lost connection: what the database said. */
  problem?: string;
};

/** A decision after which the task runs again. */
export type Requeued = Extract<FinalDecision, { attempt: unknown }>;

type Failed = Extract<FinalDecision, { kind: 'failed' }>;
type Reason<K extends Failed['because']['kind']> = Extract<
  Failed['because'],
  { kind: K }
>;

/**
 * For the task's log and the record: why the task was interrupted, and what was decided. The reason of a task that is closed ends with
 * what its user can do.
 */
export function reasonOf(options: {
  decision: FinalDecision;
  strategy?: TaskStrategy;
  silence: Silence;
}): string {
  const { decision, strategy, silence } = options;
  const interrupted = interruption(decision, silence);
  if ('attempt' in decision) {
    return [
      interrupted,
      howItGoesOn(decision),
      ...attemptSentence(decision.attempt),
    ].join(' ');
  }
  return decision.kind === 'cancelled'
    ? `${interrupted} The task had been cancelled, so it was closed as cancelled.`
    : `${interrupted} ${whyClosed(decision, strategy)}`;
}

function interruption(
  { interruptedAt }: { interruptedAt?: string },
  silence: Silence,
): string {
  return `Interrupted${
    interruptedAt ? ` at step ${inQuotes(interruptedAt)}` : ''
  }: ${whatHappened(silence)}sent no heartbeat for ${formatDuration(silence.secondsSilent)}.`;
}

function whatHappened(silence: Silence): string {
  const backend = 'the backend that ran this task';
  switch (silence.interruptedBy) {
    case 'shutdown':
      return `${backend} was shut down and `;
    case 'crash':
      return `${backend} crashed (${evidenceOf(silence.knownBy)}) and `;
    case 'connection':
      return `the scaffolder's connection to the database was lost${problemOf(silence)}, which ended this run, and ${backend} `;
    default:
      return `${backend} `;
  }
}

/** What the database said of a lost connection, in brackets. */
export function problemOf({ problem }: Silence): string {
  return problem ? ` (${problem})` : '';
}

/** How it is known that a process has crashed. */
export function evidenceOf(knownBy: KnownBy | undefined): string {
  return knownBy === 'pid'
    ? 'its process is gone'
    : 'its database session ended';
}

function howItGoesOn(decision: Requeued): string {
  switch (decision.kind) {
    case 'finish':
      return 'All its steps had finished: none runs again, and its result is recorded.';
    case 'restart':
      return `Its template has the recovery strategy 'restart': the task runs again from its first step.`;
    default:
      return planSentences(decision.plan, decision.interruptedAt);
  }
}

/** Any task may need a first recovery, so only further ones are mentioned. */
function attemptSentence({ attemptsUsed, limit }: Attempt): string[] {
  return attemptsUsed > 1
    ? [`This is recovery ${attemptsUsed} of at most ${limit} without progress.`]
    : [];
}

function whyClosed(
  { because, interruptedAt }: Failed,
  strategy: TaskStrategy | undefined,
): string {
  switch (because.kind) {
    case 'unreadable':
      return `It cannot run again: ${because.problem}. Start it again from its template.`;
    case 'attempts':
      return whyBeyondLimit(because, interruptedAt, strategy);
    default:
      return `It was not run again, because ${whyNotRun(
        because,
        strategy,
      )}. Check what its steps have done so far, then start it again.`;
  }
}

function whyBeyondLimit(
  { tries, limit, hasFinished }: Reason<'attempts'>,
  interruptedAt: string | undefined,
  strategy: TaskStrategy | undefined,
): string {
  const what = hasFinished
    ? `all its steps had finished, but ${tries} attempts to record its result were interrupted`
    : `${tries} attempts at step ${inQuotes(interruptedAt ?? '')} made no progress, so that step may be what crashes the backend`;
  const setting =
    strategy?.maxAttempts === undefined
      ? 'scaffolder.recoverTasksMaxAttempts'
      : 'spec.recovery.maxAttempts of its template';
  return `It was not run again: ${what}. The limit is ${limit} ${
    limit === 1 ? 'recovery' : 'recoveries'
  } (${setting}). Find the cause, then press Retry on the task's page, or start the task again from its template.`;
}

function whyNotRun(
  reason: Reason<'none' | 'tooOld' | 'noSecrets'>,
  strategy: TaskStrategy | undefined,
): string {
  switch (reason.kind) {
    case 'tooOld':
      return `it was silent for longer than scaffolder.taskTimeout (${formatDuration(
        reason.taskTimeoutSeconds,
      )})`;
    case 'noSecrets':
      return 'it was started before recovery was on: the scaffolder had cleared its secrets and recorded none of its steps';
    default:
      return whyNone(strategy);
  }
}

/** Why a task counts as one that must not run again, as the end of a sentence. */
export function whyNone(strategy: TaskStrategy | undefined): string {
  switch (strategy?.source) {
    case 'template':
      return `its template has the recovery strategy 'none'`;
    case 'invalid':
    case 'gone':
      return `${strategy.remark}`;
    default:
      return `its template has no recovery strategy, which counts as 'none'`;
  }
}
