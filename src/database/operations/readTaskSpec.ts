import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../tables';

/** The spec of a task as it is stored, which may be no JSON. */
export async function readTaskSpec(
  knex: Knex,
  taskId: string,
): Promise<string | undefined> {
  const row = await knex<DbTaskRow>(TASKS).where('id', taskId).first('spec');
  return row?.spec;
}
