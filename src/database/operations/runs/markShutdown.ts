import { Knex } from 'knex';
import { DbShutdownRow, SHUTDOWNS } from '../../tables';
import { DbTaskRow, IN_FLIGHT, TASKS } from '../../../scaffolder/tables';

/** A run that the process which is asked to end has. */
export type InterruptedRun = {
  taskId: string;
  /** The last `recovered` event of the task before this run, 0 if there was none. */
  recoveredEvent: number;
};

/**
 * Records that runs are interrupted on purpose. It has no effect on those that have lost ownership since, and on
 * tasks that have ended.
 */
export async function markShutdown(
  knex: Knex,
  runs: InterruptedRun[],
): Promise<void> {
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
    }));
  if (rows.length > 0) {
    await knex<DbShutdownRow>(SHUTDOWNS)
      .insert(rows)
      .onConflict('task_id')
      .merge()
      // A process that comes late has an older run.
      .whereRaw(`${SHUTDOWNS}.recovered_event <= excluded.recovered_event`);
  }
}
