import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';

/** The specs of tasks as they are stored, which may be no JSON, by the ids of the tasks. */
export async function readTaskSpecs(
  knex: Knex,
  taskIds: string[],
): Promise<Map<string, string>> {
  const rows = await knex<DbTaskRow>(TASKS)
    .whereIn('id', taskIds)
    .select('id', 'spec');
  return new Map(rows.map(({ id, spec }) => [id, spec]));
}
