import { StepFiles } from './FilesReader';
import { StepState, TaskHistory } from './history';
import { StepRecords } from '../../scaffolder/taskRecord';

/** How far a task has come with one of its steps. */
export type StepProgress = {
  id: string;
  /**
   * - `finished`: it need not run again for its own sake, since its output can be restored.
   * - `skipped`: it was skipped for its `if`, which is evaluated again. No other step runs again in case it comes out differently.
   * - `toRun`: it runs.
   */
  state: 'finished' | 'skipped' | 'toRun';
  /** Why a step that is recorded as completed is to run all the same. */
  because?: 'noOutput' | 'sharedId';
  /** It failed when it ran last. */
  hasFailed: boolean;
  /** It ran last when another step had failed in the same run, such as one that cleans up. */
  ranAfterFailure: boolean;
  /** What is known of the files that it left in the workspace when it ran last. */
  files?: StepFiles;
};

/**
 * How far a task has come, step by step.
 *
 * The scaffolder records steps by their ids. When several steps share one, the record of the first that finishes would let it skip
 * the others for good (the runner's `execute`, 4.2.0). So a shared id counts as finished only when, by the task's events, each
 * of its steps has finished or was skipped for its `if`.
 */
export function readProgress(
  steps: { id: string }[],
  records: StepRecords,
  history: Pick<TaskHistory, 'states' | 'ranAfterFailure' | 'files'>,
): StepProgress[] {
  const counts = new Map<string, number>();
  for (const { id } of steps) {
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const reached = new Map<string, number>();
  return steps.map(({ id }) => {
    const place = reached.get(id) ?? 0;
    reached.set(id, place + 1);
    const states = history.states.get(id) ?? [];
    const state = states[place];
    const course = {
      id,
      hasFailed: state === 'failed',
      ranAfterFailure: history.ranAfterFailure.has(id),
      files: history.files.get(id)?.[place],
    };
    if (isFinished(records, id)) {
      const count = counts.get(id)!;
      return count === 1 || isThrough(states, count)
        ? { ...course, state: 'finished' }
        : { ...course, state: 'toRun', because: 'sharedId' };
    }
    if (isCompleted(records, id)) {
      return { ...course, state: 'toRun', because: 'noOutput' };
    }
    return { ...course, state: state === 'skipped' ? 'skipped' : 'toRun' };
  });
}

/** Whether so many steps with one id have all been come by, and none of them is to run. */
function isThrough(states: StepState[], count: number): boolean {
  return (
    states.length >= count &&
    states.every(s => s === 'completed' || s === 'skipped')
  );
}

/** Whether it is recorded that a step completed, with the output that later steps may use. */
function isFinished(records: StepRecords, stepId: string): boolean {
  return isCompleted(records, stepId) && records[stepId]?.output !== undefined;
}

/** Whether it is recorded that a step completed. */
export function isCompleted(records: StepRecords, stepId: string): boolean {
  return (
    Object.hasOwn(records, stepId) && records[stepId]?.status === 'completed'
  );
}
