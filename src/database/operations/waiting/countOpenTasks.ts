import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';

/** How many tasks can be claimed now. */
export async function countOpenTasks(knex: Knex): Promise<number> {
  const open = knex(TASKS).where('status', 'open');
  const [{ count }] = await open.count({ count: '*' });
  return Number(count);
}
