import { Knex } from 'knex';
import { STORED } from '../../tables';

/** The ids of the stores beside the database that may have something of a task. */
export async function listStoresOfTask(
  knex: Knex,
  taskId: string,
): Promise<string[]> {
  return knex(STORED).where('task_id', taskId).orderBy('store').pluck('store');
}
