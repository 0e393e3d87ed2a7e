import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';

/** Those of the given ids that are ids of tasks. */
export async function selectTasks(
  knex: Knex,
  ids: string[],
): Promise<string[]> {
  const known: string[] = [];
  const size = 500; // SQLite takes up to 32,766 bindings, older ones 999.
  for (let i = 0; i < ids.length; i += size) {
    known.push(
      ...(await knex<DbTaskRow>(TASKS)
        .whereIn('id', ids.slice(i, i + size))
        .pluck('id')),
    );
  }
  return known;
}
