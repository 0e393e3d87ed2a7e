import { TaskHistory } from './plan/history';
import { Plan, planRecovery } from './plan/plan';
import { readProgress } from './plan/progress';
import { TaskStrategy } from './strategy';
import {
  keepStepRecords,
  parseTaskRecord,
  parseTaskSpec,
  stepRecords,
  TaskRecord,
  templateRefOf,
} from '../scaffolder/taskRecord';

/** How a task runs that is started again after it had ended. */
export type Retry = {
  /** All steps run, it goes on, or only its result is left to be recorded. */
  kind: 'restart' | 'resume' | 'finish';
  templateRef?: string;
  /** The step that it failed at, was cancelled at, or was interrupted at. */
  endedAt?: string;
  plan: Plan;
  /** What the scaffolder is to find of its state. */
  state: string | null;
  /** How many of its steps had ever finished. */
  finishedSteps: number;
};

/** A further run of a task, with what it was planned from. */
export type PlannedRetry = {
  /** As it had ended. */
  task: { id: string; status: string; state: string | null };
  strategy?: TaskStrategy;
  retry: Retry;
  /** The number that its record gets. */
  attempt: number;
};

/**
 * Plans a further run of a task that had ended.
 *
 * The scaffolder keeps the records of finished steps when a task ends, and skips those steps, while their files are gone (`retryTask` and
 * the runner's `execute`, 4.2.0). With `idempotent` the task goes on where it ended, by the same plan as
 * after an interruption. In all other cases, and if it had completed, all steps run, as without recovery.
 *
 * @throws Error if its spec cannot be read. The scaffolder refuses to start such a task again.
 */
export function planRetry(task: {
  status: string;
  spec: string;
  state: string | null;
  history: TaskHistory;
  strategy?: TaskStrategy;
  /** Whether snapshots of workspaces are kept. */
  hasSnapshots: boolean;
}): Retry {
  const { history, strategy } = task;
  const spec = parseTaskSpec(task.spec);
  const record = readRecord(task.state);
  const progress = readProgress(spec.steps, stepRecords(record ?? {}), history);
  const firstToRun = progress.find(({ state }) => state === 'toRun');
  const goesOn =
    strategy?.strategy === 'idempotent' &&
    task.status !== 'completed' &&
    record !== undefined;
  const plan = planRecovery(
    spec.steps,
    progress,
    goesOn ? 'idempotent' : 'restart',
    task,
  );
  const resumes = firstToRun ? 'resume' : 'finish';
  return {
    kind: goesOn ? resumes : 'restart',
    templateRef: templateRefOf(spec),
    endedAt: firstToRun?.id,
    plan,
    state: record ? keepStepRecords(record, plan.skipped) : null,
    finishedSteps: history.finishedSteps.size,
  };
}

/** Nothing if it cannot be read. No worker could read it either. */
function readRecord(state: string | null): TaskRecord | undefined {
  try {
    return parseTaskRecord(state);
  } catch {
    return undefined;
  }
}
