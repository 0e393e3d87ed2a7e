import { Knex } from 'knex';
import { SNAPSHOTS } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';

/** The tasks that have ended and whose snapshots are kept, each with the number of its newest row. */
export async function listEndedWithSnapshots(
  knex: Knex,
): Promise<{ taskId: string; newest: number }[]> {
  const rows = await knex(SNAPSHOTS)
    .join(TASKS, `${TASKS}.id`, `${SNAPSHOTS}.task_id`)
    .whereRaw(`not (${IN_FLIGHT})`)
    .groupBy(`${SNAPSHOTS}.task_id`)
    .select({
      taskId: `${SNAPSHOTS}.task_id`,
      newest: knex.raw('max(number)'),
    });
  return rows.map(({ taskId, newest }) => ({ taskId, newest: Number(newest) }));
}
