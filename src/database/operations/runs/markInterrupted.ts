import { Knex } from 'knex';
import { DbShutdownRow, SHUTDOWNS } from '../../tables';
import { DbTaskRow, IN_FLIGHT, TASKS } from '../../../scaffolder/tables';

/** A run that the process which marks it has. */
type InterruptedRun = {
  taskId: string;
  /** The last `recovered` event of the task before this run, 0 if there was none. */
  recoveredEvent: number;
};

/** What interrupted runs, and what the database said of a lost connection. */
type MarkCause =
  { cause: 'shutdown' } | { cause: 'connection'; problem: string };

/**
 * Records that runs are interrupted, and by what. It has no effect on those that have lost ownership since, and on tasks that have ended.
 *
 * @returns the ids of the tasks that have not ended.
 */
export async function markInterrupted(
  knex: Knex,
  runs: InterruptedRun[],
  mark: MarkCause,
): Promise<string[]> {
  const running = await knex<DbTaskRow>(TASKS)
    .whereIn(
      'id',
      runs.map(r => r.taskId),
    )
    // A claim may not have been committed yet.
    .whereRaw(IN_FLIGHT)
    .pluck('id');
  const rows = runs
    .filter(({ taskId }) => running.includes(taskId))
    .map(({ taskId, recoveredEvent }) => ({
      task_id: taskId,
      recovered_event: recoveredEvent,
      cause: mark.cause,
      problem: mark.cause === 'connection' ? mark.problem : null,
    }));
  if (rows.length > 0) {
    await knex<DbShutdownRow>(SHUTDOWNS)
      .insert(rows)
      .onConflict('task_id')
      .merge()
      // A process that comes late has an older run.
      .whereRaw(`${SHUTDOWNS}.recovered_event <= excluded.recovered_event`);
  }
  return running;
}
