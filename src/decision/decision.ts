import { toError } from '@backstage/errors';
import { Attempt, Effort, countAttempt } from './attempts';
import { InterruptedBy } from '../util/interruption';
import { TaskHistory } from './plan/history';
import { Plan, planRecovery } from './plan/plan';
import { isCompleted, readProgress } from './plan/progress';
import { TaskStrategy } from './strategy';
import {
  keepStepRecords,
  parseTaskRecord,
  parseTaskSpec,
  StepRecords,
  stepRecords,
  TaskRecord,
  TaskSpec,
  templateRefOf,
} from '../scaffolder/taskRecord';

/** All that a decision is made from. */
export type InterruptedTask = {
  spec: string;
  state: string | null;
  secrets: 'readable' | 'unreadable' | 'gone';
  hasHeartbeat: boolean;
  secondsSilent: number;
  history: TaskHistory;
  /** Nothing while it is unknown. */
  strategy?: TaskStrategy;
  interruptedBy: InterruptedBy;
  /** The attempts used so far. Nothing if it was never decided on. */
  effort?: Effort;
  /** How often it may be recovered in a row without progress, unless its template sets `maxAttempts`. */
  maxAttempts: number;
  /** After so much silence the scaffolder's janitor closes a task (`scaffolder.taskTimeout`). */
  taskTimeoutSeconds: number;
  /** Whether snapshots of workspaces are kept. */
  hasSnapshots: boolean;
};

/** The template of a task and the step that it was interrupted at, as far as they are known. */
type Whereabouts = { templateRef?: string; interruptedAt?: string };

/** What happens to an interrupted task. */
export type Decision =
  /** It was cancelled, and the worker that should have ended it is gone. */
  | ({ kind: 'cancelled'; runningSteps: string[] } & Whereabouts)
  /** It cannot run again, or must not. */
  | ({
      kind: 'failed';
      because:
        | { kind: 'none' }
        | { kind: 'unreadable'; problem: string }
        /** It was silent for longer than a task may be (`scaffolder.taskTimeout`). */
        | { kind: 'tooOld'; taskTimeoutSeconds: number }
        /** It was claimed while recovery was off: the scaffolder cleared its secrets and recorded none of its steps. */
        | { kind: 'noSecrets' }
        /** It was interrupted so many times in a row without progress. */
        | {
            kind: 'attempts';
            tries: number;
            limit: number;
            /** Only its result was left to be recorded. */
            hasFinished: boolean;
          };
      runningSteps: string[];
    } & Whereabouts)
  /** All its steps had finished; only its result has to be recorded. */
  | ({
      kind: 'finish';
      state: string | null;
      attempt: Attempt;
    } & Whereabouts)
  /** It runs again, from its first step or from the interrupted one. */
  | ({
      kind: 'restart' | 'resume';
      plan: Plan;
      state: string | null;
      attempt: Attempt;
    } & Whereabouts)
  /** Its strategy is not known yet. Nothing is guessed. */
  | { kind: 'later' };

type Because = Extract<Decision, { kind: 'failed' }>['because'];

/** A decision that can be carried out. */
export type FinalDecision = Exclude<Decision, { kind: 'later' }>;

/** Decides what happens to an interrupted task. */
export function decide(task: InterruptedTask): Decision {
  const { history, taskTimeoutSeconds } = task;
  const runningSteps = history.running;

  const { spec, record, problem } = readTask(task);
  const stopped = {
    templateRef: spec && templateRefOf(spec),
    interruptedAt: runningSteps[0],
    runningSteps,
  };
  if (history.cancelled) {
    return { kind: 'cancelled', ...stopped };
  }
  if (problem !== undefined) {
    const because = { kind: 'unreadable', problem } as const;
    return { kind: 'failed', because, ...stopped };
  }

  const records = stepRecords(record);
  const progress = readProgress(spec.steps, records, history);
  const firstToRun = progress.find(({ state }) => state === 'toRun');
  const whereabouts = {
    templateRef: stopped.templateRef,
    interruptedAt: runningSteps[0] ?? (firstToRun ?? spec.steps.at(-1))?.id,
  };
  const close = (because: Because): Decision => ({
    kind: 'failed',
    because,
    ...whereabouts,
    runningSteps,
  });

  if (task.secondsSilent > taskTimeoutSeconds) {
    return close({ kind: 'tooOld', taskTimeoutSeconds });
  }
  if (!task.hasHeartbeat) {
    return close({
      kind: 'unreadable',
      problem: 'it has no heartbeat, so it is not known when it ran',
    });
  }
  const strategy = task.strategy?.strategy;
  if (firstToRun && !strategy) {
    return { kind: 'later' };
  }
  if (firstToRun && strategy === 'none') {
    return close({ kind: 'none' });
  }
  if (firstToRun && task.secrets === 'gone') {
    return close({ kind: 'noSecrets' });
  }

  const attempt = countAttempt(task.effort, {
    finishedSteps: countFinished(history, records),
    planned: task.interruptedBy === 'shutdown',
    limit: task.strategy?.maxAttempts ?? task.maxAttempts,
  });
  if (attempt.isBeyondLimit) {
    const { attemptsUsed: tries, limit } = attempt;
    const hasFinished = firstToRun === undefined;
    return close({ kind: 'attempts', tries, limit, hasFinished });
  }
  if (!firstToRun) {
    // Running it again records its result and runs no step twice: what was skipped never ran.
    return { kind: 'finish', ...whereabouts, state: task.state, attempt };
  }
  const rerun = strategy as Exclude<typeof strategy, 'none' | undefined>;
  const plan = planRecovery(spec.steps, progress, rerun, task);
  return {
    kind: rerun === 'restart' ? 'restart' : 'resume',
    ...whereabouts,
    plan,
    state: keepStepRecords(record, plan.skipped),
    attempt,
  };
}

/** How many steps have finished in any run of the task. A record may be there without its event, and the other way round. */
function countFinished(
  { finishedSteps }: TaskHistory,
  records: StepRecords,
): number {
  const recorded = Object.keys(records).filter(id => isCompleted(records, id));
  return new Set([...finishedSteps, ...recorded]).size;
}

/**
 * Reads what a claim will read, and finds what a claim would throw at: a row that cannot be claimed blocks the queue of
 * every replica once it is open (`claimTask`, @backstage/plugin-scaffolder-backend 4.2.0).
 */
function readTask(
  task: InterruptedTask,
):
  | { spec: TaskSpec; record: TaskRecord; problem?: undefined }
  | { spec?: TaskSpec; record?: undefined; problem: string } {
  let spec: TaskSpec | undefined;
  let record: TaskRecord;
  try {
    spec = parseTaskSpec(task.spec);
    record = parseTaskRecord(task.state);
  } catch (error) {
    return { spec, problem: toError(error).message };
  }
  if (task.secrets === 'unreadable') {
    return { spec, problem: 'its secrets are not valid JSON' };
  }
  return { spec, record };
}
