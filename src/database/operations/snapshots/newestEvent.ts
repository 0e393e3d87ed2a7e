import { Knex } from 'knex';
import { TASK_EVENTS } from '../../../scaffolder/tables';

/** The newest id in `task_events` of a task, 0 if there is none, as part of another statement. */
export function newestEvent(
  knex: Knex | Knex.Transaction,
  taskId: string,
): Knex.Raw {
  return knex.raw('select coalesce(max(id), 0) from ?? where task_id = ?', [
    TASK_EVENTS,
    taskId,
  ]);
}
