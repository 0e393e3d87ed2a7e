import { FinalDecision } from './decision';
import { Plan, StepAgain } from './plan';
import { TaskStrategy } from './strategy';

/** A line in the task's own log. The UI shows it only under a step. */
export type StepMessage = { stepId: string; message: string };

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

/** Why a task is closed, for the people who look at it. Ends with what they can do. */
export function closeReason(
  decision: Extract<FinalDecision, { kind: 'failed' | 'cancelled' }>,
  strategy: TaskStrategy | undefined,
  secondsSilent: number,
): string {
  const stopped = interruption(decision, secondsSilent);
  if (decision.kind === 'cancelled') {
    return `${stopped} The task had been cancelled before, so it was closed as cancelled.`;
  }
  if (decision.because.kind === 'unreadable') {
    return `${stopped} It cannot run again: ${decision.because.problem}. Start it again from its template.`;
  }
  return `${stopped} It was not run again, because ${whyNone(
    strategy,
  )}. Check what its steps have done so far, then start it again.`;
}

/** The one line about a decision in the backend's log. */
export function decisionLine(options: {
  taskId: string;
  decision: FinalDecision;
  strategy?: TaskStrategy;
  secondsSilent: number;
}): string {
  const { decision, strategy } = options;
  return [
    `Interrupted task ${options.taskId} of ${
      decision.templateRef ?? 'an unknown template'
    }, strategy '${strategy?.strategy ?? 'unknown'}', silent for ${formatSilence(
      options.secondsSilent,
    )}, ${
      decision.interruptedAt
        ? `interrupted at step '${decision.interruptedAt}'`
        : 'interrupted before its first step'
    }: ${outcome(decision)}`,
    ...('plan' in decision ? planParts(decision.plan) : []),
    ...(strategy?.remark ? [strategy.remark] : []),
  ].join('; ');
}

/** What people see in the log of a task that goes on: why it was interrupted, what happens now, and which steps run again. */
export function stepMessages(
  decision: Extract<FinalDecision, { kind: 'finish' | 'restart' | 'resume' }>,
  secondsSilent: number,
): StepMessage[] {
  const messages: StepMessage[] = [];
  if (decision.interruptedAt) {
    messages.push({
      stepId: decision.interruptedAt,
      message: `${interruption(decision, secondsSilent)} ${whatNow(decision)}`,
    });
  }
  if ('plan' in decision) {
    for (const again of decision.plan.again) {
      messages.push({
        stepId: again.stepId,
        message: `This step had finished and runs again, because ${because(
          again,
        )}.`,
      });
    }
  }
  return messages;
}

function interruption(
  { interruptedAt }: { interruptedAt?: string },
  secondsSilent: number,
): string {
  return `Interrupted${
    interruptedAt ? ` at step '${interruptedAt}'` : ''
  }: the backend that ran this task gave no sign of life for ${formatSilence(
    secondsSilent,
  )}.`;
}

function whyNone(strategy: TaskStrategy | undefined): string {
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

function whatNow(
  decision: Extract<FinalDecision, { kind: 'finish' | 'restart' | 'resume' }>,
): string {
  switch (decision.kind) {
    case 'finish':
      return 'All its steps had finished. None runs again; its result is recorded now.';
    case 'restart':
      return `Its template has the recovery strategy 'restart': it runs again from its first step.`;
    default: {
      const { skipped, again, warning, goesOnAt } = decision.plan;
      const where =
        goesOnAt === decision.interruptedAt
          ? 'this step'
          : `step '${goesOnAt}'`;
      return [
        `Its template has the recovery strategy 'idempotent': it goes on at ${where}.`,
        ...(skipped.length
          ? [`Skipped, with their outputs restored: ${skipped.join(', ')}.`]
          : []),
        ...(again.length
          ? [`Run again: ${again.map(a => a.stepId).join(', ')}.`]
          : []),
        ...(warning ? [`${warning}.`] : []),
      ].join(' ');
    }
  }
}

function outcome(decision: FinalDecision): string {
  switch (decision.kind) {
    case 'cancelled':
      return 'closed as cancelled, which somebody had asked for';
    case 'failed':
      return decision.because.kind === 'none'
        ? 'closed as failed'
        : `closed as failed, since ${decision.because.problem}`;
    case 'finish':
      return 'all steps had finished, its result is recorded';
    case 'restart':
      return 'runs again from its first step';
    default:
      return `goes on at step '${decision.plan.goesOnAt}'`;
  }
}

function planParts({ skipped, again, warning }: Plan): string[] {
  return [
    `skipped: ${skipped.join(', ') || 'none'}`,
    `run again: ${
      again.map(a => `${a.stepId} (${because(a)})`).join(', ') || 'none'
    }`,
    ...(warning ? [warning] : []),
  ];
}

function because({ because: reason }: StepAgain): string {
  switch (reason.kind) {
    case 'neededBy':
      return `${reason.stepIds.map(id => `'${id}'`).join(', ')} ${
        reason.stepIds.length > 1 ? 'depend' : 'depends'
      } on it`;
    case 'noOutput':
      return 'its output was not recorded';
    case 'restart':
      return `the strategy is 'restart'`;
    default:
      return 'the dependencies between the steps make no sense';
  }
}
