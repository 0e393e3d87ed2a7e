import { inQuotes, listed, quoted, shortened } from '../../template/shown';
import { Attempt } from '../attempts';
import { FinalDecision } from '../decision';
import { Plan, StepAgain } from '../plan/plan';
import { Retry } from '../retry';
import { RunFiles } from '../plan/runFiles';
import { TaskStrategy } from '../strategy';

/** For how long nothing was heard of a task, and whether its backend had been asked to end. */
export type Silence = { secondsSilent: number; planned: boolean };

/** A line in the task's own log. The UI shows it only under a step. */
export type StepMessage = { stepId: string; message: string };

type Requeued = Extract<FinalDecision, { attempt: unknown }>;
type ClosedBecause = Extract<FinalDecision, { kind: 'failed' }>['because'];

/** The silence as people read it, such as `34 s` or `2 h 5 min`. */
export function formatSilence(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 120) {
    return `${s} s`;
  }
  const minutes = Math.round(s / 60);
  return minutes < 120
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What was decided on a task and why, for the people who look at it. If it is closed, it ends with what they can do. */
export function reasonOf(options: {
  decision: FinalDecision;
  strategy?: TaskStrategy;
  silence: Silence;
}): string {
  const { decision, strategy, silence } = options;
  return 'attempt' in decision
    ? [
        interruption(decision, silence),
        whatNow(decision),
        ...attemptSentence(decision.attempt),
      ].join(' ')
    : closeReason(decision, strategy, silence);
}

/** A text for a task's log, each sentence in a line of its own: the scaffolder's page does not wrap them. */
export function asLines(text: string): string {
  return text.replace(/\. (?=[A-Z])/g, '.\n');
}

function closeReason(
  decision: Exclude<FinalDecision, Requeued>,
  strategy: TaskStrategy | undefined,
  silence: Silence,
): string {
  const stopped = interruption(decision, silence);
  if (decision.kind === 'cancelled') {
    return `${stopped} The task had been cancelled before, so it was closed as cancelled.`;
  }
  if (decision.because.kind === 'unreadable') {
    return `${stopped} It cannot run again: ${decision.because.problem}. Start it again from its template.`;
  }
  if (decision.because.kind === 'attempts') {
    const { tries, limit, hasFinished } = decision.because;
    const what = hasFinished
      ? `all its steps had finished, and recording its result was tried ${tries} times, so that`
      : `step ${inQuotes(decision.interruptedAt ?? '')} was tried ${tries} times and the task got no further, so it`;
    const setting =
      strategy?.maxAttempts === undefined
        ? 'scaffolder.recoverTasksMaxAttempts'
        : 'spec.recovery.maxAttempts of its template';
    return `${stopped} It was not run again: ${what} may be what ends the backend. The limit is ${limit} ${
      limit === 1 ? 'recovery' : 'recoveries'
    } (${setting}). Find out why, then press Retry on the task's page, or start it again from its template.`;
  }
  return `${stopped} It was not run again, because ${whyNotRun(
    decision.because,
    strategy,
  )}. Check what its steps have done so far, then start it again.`;
}

/** A line in the backend's log: a task has to wait, though it is to be recovered. */
export function waitingLine(taskId: string): string {
  return `Task ${taskId} is interrupted and made no progress when it was recovered before; it waits until it can have its next attempt, since the final attempt of one such task at a time is isolated`;
}

/** The one line about a decision in the backend's log. */
export function decisionLine(options: {
  taskId: string;
  decision: FinalDecision;
  strategy?: TaskStrategy;
  silence: Silence;
  signInExpiredAt?: Date;
}): string {
  const { decision, strategy, silence, signInExpiredAt } = options;
  return [
    `Interrupted task ${options.taskId} of ${
      decision.templateRef ?? 'an unknown template'
    }, strategy '${strategy?.strategy ?? 'unknown'}', silent for ${formatSilence(
      silence.secondsSilent,
    )}${silence.planned ? ' after a planned shutdown' : ''}, ${
      decision.interruptedAt
        ? `interrupted at step ${inQuotes(decision.interruptedAt)}`
        : 'interrupted before its first step'
    }: ${outcome(decision)}`,
    ...('plan' in decision ? planParts(decision.plan) : []),
    ...('attempt' in decision ? attemptParts(decision.attempt) : []),
    ...(signInExpiredAt
      ? [`the sign-in expired at ${formatTime(signInExpiredAt)}`]
      : []),
    ...(strategy?.remark ? [strategy.remark] : []),
  ].join('; ');
}

/** What people see in the log of a task that goes on: why it was interrupted, what happens now, and which steps run again. */
export function stepMessages(
  decision: Requeued,
  silence: Silence & { signInExpiredAt?: Date },
): StepMessage[] {
  const messages: StepMessage[] = [];
  if (decision.interruptedAt) {
    messages.push({
      stepId: decision.interruptedAt,
      message: reasonOf({ decision, silence }),
    });
  }
  const goesOnAt =
    'plan' in decision ? decision.plan.goesOnAt : decision.interruptedAt;
  if (silence.signInExpiredAt && goesOnAt) {
    messages.push({
      stepId: goesOnAt,
      message: `Warning: the sign-in that this task was started with expired at ${formatTime(
        silence.signInExpiredAt,
      )}. Steps that act on the user's behalf may fail. If one does, start the task again from its template.`,
    });
  }
  return 'plan' in decision
    ? [...messages, ...againMessages(decision.plan)]
    : messages;
}

/** What is shown under finished steps that run again. */
export function againMessages({ again }: Plan): StepMessage[] {
  return again.map(step => ({
    stepId: step.stepId,
    message: `This step had finished and runs again, because ${because(step)}.`,
  }));
}

function interruption(
  { interruptedAt }: { interruptedAt?: string },
  { secondsSilent, planned }: Silence,
): string {
  return `Interrupted${
    interruptedAt ? ` at step ${inQuotes(interruptedAt)}` : ''
  }: the backend that ran this task ${
    planned ? 'was shut down and ' : ''
  }gave no sign of life for ${formatSilence(secondsSilent)}.`;
}

/** In UTC, without fractions of a second. */
function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Nothing of the first recovery, which every task may need. */
function attemptSentence({ spent, limit }: Attempt): string[] {
  return spent > 1
    ? [
        `This is recovery ${spent} of at most ${limit} in a row in which the task got no further.`,
      ]
    : [];
}

function attemptParts({ spent, limit, isFinalAttempt }: Attempt): string[] {
  return spent > 1
    ? [
        `recovery ${spent} of at most ${limit} without getting further${
          isFinalAttempt ? ', alone' : ''
        }`,
      ]
    : [];
}

function whyNotRun(
  reason: Extract<ClosedBecause, { kind: 'none' | 'tooOld' | 'noSecrets' }>,
  strategy: TaskStrategy | undefined,
): string {
  switch (reason.kind) {
    case 'tooOld':
      return `that is longer than a task may be silent (scaffolder.taskTimeout, ${formatSilence(
        reason.taskTimeoutSeconds,
      )})`;
    case 'noSecrets':
      return 'it was started before recovery was on, so its secrets are gone and its finished steps were not recorded';
    default:
      return whyNone(strategy);
  }
}

/** Why a task counts as one that must not run again. */
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

function whatNow(decision: Requeued): string {
  switch (decision.kind) {
    case 'finish':
      return 'All its steps had finished. None runs again; its result is recorded now.';
    case 'restart':
      return `Its template has the recovery strategy 'restart': it runs again from its first step.`;
    default:
      return goesOnSentences(decision.plan, decision.interruptedAt);
  }
}

/**
 * Where an idempotent task goes on, and with which steps.
 *
 * @param at - the step that this is shown under
 */
export function goesOnSentences(
  { skipped, again, warning, goesOnAt, files }: Plan,
  at: string | undefined,
): string {
  const where =
    goesOnAt === at ? 'this step' : `step ${inQuotes(goesOnAt ?? '')}`;
  return [
    `Its template has the recovery strategy 'idempotent': it goes on at ${where}.`,
    ...(skipped.length
      ? [
          `Skipped, with their outputs restored: ${listed(skipped.map(shortened))}.`,
        ]
      : []),
    ...(again.length
      ? [`Run again: ${listed(again.map(a => shortened(a.stepId)))}.`]
      : []),
    ...(files ? [filesSentence(files)] : []),
    ...(warning ? [`${warning}.`] : []),
  ].join(' ');
}

/** The files that a run begins with. */
function filesSentence(files: RunFiles): string {
  switch (files.kind) {
    case 'snapshot':
      return `The run begins with the files that were there when step ${inQuotes(files.stepId)} had ended.`;
    case 'missing':
      return `The run begins without files, because there is no snapshot of those that were there when step ${inQuotes(files.stepId)} had ended${
        files.problem ? `: ${files.problem}` : ''
      }.`;
    default:
      return 'The run begins without files.';
  }
}

/** What was decided, for the backend's log. */
export function outcome(decision: FinalDecision | Retry): string {
  switch (decision.kind) {
    case 'cancelled':
      return 'closed as cancelled, which somebody had asked for';
    case 'failed':
      return `closed as failed${whyClosed(decision.because)}`;
    case 'finish':
      return 'all steps had finished, its result is recorded';
    case 'restart':
      return 'runs again from its first step';
    default:
      return `goes on at step ${inQuotes(decision.plan.goesOnAt ?? '')}`;
  }
}

function whyClosed(reason: ClosedBecause): string {
  switch (reason.kind) {
    case 'tooOld':
      return ', since it was silent for longer than scaffolder.taskTimeout';
    case 'noSecrets':
      return ', since it was started before recovery was on and its secrets are gone';
    case 'unreadable':
      return `, since ${reason.problem}`;
    case 'attempts':
      return `, since it got no further in ${reason.tries} tries`;
    default:
      return '';
  }
}

/** A plan for the backend's log. */
export function planParts({ skipped, again, files, warning }: Plan): string[] {
  return [
    `skipped: ${listed(skipped.map(shortened)) || 'none'}`,
    `run again: ${
      listed(again.map(a => `${shortened(a.stepId)} (${because(a)})`)) || 'none'
    }`,
    ...(files ? [`files: ${filesPart(files)}`] : []),
    ...(warning ? [warning] : []),
  ];
}

/** What is shown of the files that a run begins with. */
type FilesShown = {
  kind: RunFiles['kind'];
  stepId?: string;
  problem?: string;
};

/** The files that a run begins with, in short. */
export function filesPart({ kind, stepId = '', problem }: FilesShown): string {
  switch (kind) {
    case 'snapshot':
      return `as of the end of ${inQuotes(stepId)}`;
    case 'missing':
      return `none, no snapshot of the end of ${inQuotes(stepId)}${
        problem ? `: ${problem}` : ''
      }`;
    default:
      return 'none';
  }
}

/** Why a finished step runs again, as the end of a sentence. */
export function because({ because: reason }: StepAgain): string {
  switch (reason.kind) {
    case 'neededBy':
      return `${quoted(reason.stepIds)} ${
        reason.stepIds.length > 1 ? 'depend' : 'depends'
      } on it`;
    case 'noOutput':
      return 'its output was not recorded';
    case 'restart':
      return `the strategy is 'restart'`;
    case 'afterFailed':
      return `step ${inQuotes(reason.stepId)} before it had failed and runs again`;
    case 'sharedId':
      return 'another step with the same id had not finished';
    case 'filesLost':
      return 'its files are not among those that the run begins with';
    case 'noSnapshot':
      return 'its files are gone and no step says that it depends on them';
    default:
      return 'the dependencies between the steps are invalid';
  }
}
