import { readHistory } from '../../decision/plan/history';
import { isCompleted, readProgress } from '../../decision/plan/progress';
import { filesBefore, RunFiles } from '../../decision/plan/runFiles';
import { SnapshotNeeds } from '../../decision/plan/snapshotNeeds';
import {
  parseTaskRecord,
  parseTaskSpec,
  stepRecords,
} from '../../scaffolder/taskRecord';

/** What is known of a task that was just claimed. */
type ClaimedTask = {
  spec: string;
  state: string | null;
  events: string[];
  /** The files that the last decision planned its run with, as JSON. */
  lastFiles: string | null;
};

/**
 * The files that a run begins with which was just claimed: those that were there before the first step that it runs.
 *
 * That is read from the task's state, by which the scaffolder skips finished steps. A decision leaves in it only the steps that its plan
 * skips, so these are the files of the plan. And they fit what the run does where nobody decided, or where the plan is recorded after the
 * claim, as that of a retry.
 *
 * @param readable - the stores and keys that are configured here. A snapshot that needs others is missing if the run was planned without it.
 *   Otherwise it is returned, and restoring it fails: steps would be skipped whose files are not there.
 * @throws Error if the task cannot be read. The scaffolder cannot run such a one either.
 */
export function filesOfRun(
  task: ClaimedTask,
  readable: SnapshotNeeds,
): RunFiles {
  const files = filesRead(task, readable);
  if (files.kind !== 'missing') {
    return files;
  }
  const planned = filesRead(task, 'all');
  const recorded: Partial<RunFiles> = JSON.parse(task.lastFiles ?? '{}');
  return planned.kind === 'snapshot' && recorded.kind !== 'missing'
    ? planned
    : files;
}

/**
 * Whether a run skips some finished steps and runs others, which may need their files. Read from the scaffolder's own table, so also where the
 * module's cannot be read.
 *
 * Then the run was planned with or without files by a decision, or by the plan of a retry: where there is none, a retry leaves no finished steps
 * (`Retries`). A first run has none.
 */
export function skipsSteps({
  spec,
  state,
}: {
  spec: string;
  state: string | null;
}): boolean {
  const records = stepRecords(parseTaskRecord(state));
  const finished = parseTaskSpec(spec).steps.map(({ id }) =>
    isCompleted(records, id),
  );
  return finished.includes(true) && finished.includes(false);
}

function filesRead(
  { spec, state, events }: ClaimedTask,
  readable: SnapshotNeeds | 'all',
): RunFiles {
  const { steps } = parseTaskSpec(spec);
  const records = stepRecords(parseTaskRecord(state));
  const history = readHistory(events, readable);
  const progress = readProgress(steps, records, history);
  const first = progress.findIndex(
    ({ id, state: stepState }) =>
      stepState !== 'skipped' && !isCompleted(records, id),
  );
  return filesBefore(progress, Math.max(first, 0));
}
