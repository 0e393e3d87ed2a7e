import { Knex } from 'knex';
import { SNAPSHOTS } from '../../../tables';

/**
 * What is kept of all tasks, by what it is read with (see `parseNeeds`): of how many tasks, and how many bytes.
 */
export async function sumKept(
  knex: Knex,
): Promise<{ needs: string | null; tasks: number; bytes: number }[]> {
  const rows = await knex(SNAPSHOTS)
    .where('kind', 'files')
    .groupBy('needs')
    .select('needs', {
      tasks: knex.raw('count(distinct task_id)'),
      bytes: knex.raw('sum(stored_bytes)'),
    });
  // PostgreSQL has both as strings.
  return rows.map(({ needs, tasks, bytes }) => ({
    needs,
    tasks: Number(tasks),
    bytes: Number(bytes),
  }));
}
