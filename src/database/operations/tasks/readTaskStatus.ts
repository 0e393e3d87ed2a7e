import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import { TaskCriteria, whereTask } from './whereTask';

/** Reads the status of a task. Nothing if there is no such task, or none that fits the criteria. */
export async function readTaskStatus(
  knex: Knex,
  taskId: string,
  criteria?: TaskCriteria,
): Promise<string | undefined> {
  const query = knex(TASKS).where({ id: taskId });
  if (criteria) {
    query.andWhere(task => whereTask(task, criteria));
  }
  const row = await query.first('status');
  return row?.status;
}
