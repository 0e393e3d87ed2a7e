import { TaskHistory } from '../../decision/plan/history';
import { isCompleted, readProgress } from '../../decision/plan/progress';
import { filesBefore, RunFiles } from '../../decision/plan/runFiles';
import {
  parseTaskRecord,
  parseTaskSpec,
  stepRecords,
} from '../../scaffolder/taskRecord';

/**
 * The files that a run begins with which was just claimed: those that were there before the first step that it runs.
 *
 * That is told by the task's state, by which the scaffolder skips finished steps. A decision leaves in it only the steps that its plan
 * skips, so these are the files of the plan. And they fit what the run does where nobody decided, or where the plan is recorded after the
 * claim, as that of a retry.
 *
 * @throws Error if the task cannot be read. The scaffolder cannot run such a one either.
 */
export function filesOfRun(task: {
  spec: string;
  state: string | null;
  history: TaskHistory;
}): RunFiles {
  const { steps } = parseTaskSpec(task.spec);
  const records = stepRecords(parseTaskRecord(task.state));
  const progress = readProgress(steps, records, task.history);
  const first = progress.findIndex(
    ({ id, state }) => state !== 'skipped' && !isCompleted(records, id),
  );
  return filesBefore(progress, Math.max(first, 0));
}
