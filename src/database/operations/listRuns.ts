import { Knex } from 'knex';
import { ATTEMPTS, TASKS } from '../tables';
import { silentForAtLeast } from '../time';

/** How the database sees some tasks: their status, whether their heartbeat is behind, and their last attempt. */
export async function listRuns(
  knex: Knex,
  taskIds: string[],
  behindSeconds: number,
): Promise<
  { id: string; status: string; isBehind: boolean; attempt: number }[]
> {
  const rows = await knex(TASKS)
    .whereIn('id', taskIds)
    .select('id', 'status', {
      is_behind: silentForAtLeast(knex, behindSeconds),
      attempt: knex(ATTEMPTS)
        .max('attempt')
        .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`),
    });
  return rows.map(r => ({
    id: r.id,
    status: r.status,
    isBehind: Boolean(r.is_behind),
    attempt: Number(r.attempt ?? 0),
  }));
}
