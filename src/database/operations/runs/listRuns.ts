import { Knex } from 'knex';
import { ATTEMPTS, ON_INTERRUPTION } from '../../tables';
import { TASKS } from '../../../scaffolder/tables';
import { silentForAtLeast } from '../../time';

/** How the database sees some tasks: their status, whether their heartbeat is behind, and the last decision on an interruption. */
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
        .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
        .whereRaw(ON_INTERRUPTION),
    });
  return rows.map(r => ({
    id: r.id,
    status: r.status,
    isBehind: Boolean(r.is_behind),
    attempt: Number(r.attempt ?? 0),
  }));
}
