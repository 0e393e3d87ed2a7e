import { Knex } from 'knex';
import { DbSnapshotRow, SNAPSHOTS } from '../../tables';

/** The newest row of a task, of any run. */
export async function readNewestSnapshot(
  knex: Knex,
  taskId: string,
): Promise<{ number: number; epoch: number } | undefined> {
  return knex<DbSnapshotRow>(SNAPSHOTS)
    .where('task_id', taskId)
    .orderBy('number', 'desc')
    .first('number', 'epoch');
}
