import { Knex } from 'knex';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { isSqlite } from '../../../time';

/**
 * Keeps a task that has ended from being started again until the transaction ends.
 *
 * The lock is one that leaves rows free to refer to the task: a process that is still at a snapshot would otherwise wait for it with a row that the
 * holder is about to delete.
 *
 * @returns false if it has not ended. One that was deleted has.
 */
export async function lockEnded(
  tx: Knex.Transaction,
  taskId: string,
): Promise<boolean> {
  const query = tx(TASKS)
    .where('id', taskId)
    .first({ isInFlight: tx.raw(`case when ${IN_FLIGHT} then 1 else 0 end`) });
  if (!isSqlite(tx)) {
    query.forNoKeyUpdate();
  }
  const row = await query;
  return row?.isInFlight !== 1;
}
