import { Knex } from 'knex';
import { TASKS } from '../tables';

/** How many tasks can be claimed now. */
export async function countOpenTasks(knex: Knex): Promise<number> {
  const row = await knex(TASKS).where('status', 'open').count().first();
  return Number(Object.values(row!)[0]);
}
