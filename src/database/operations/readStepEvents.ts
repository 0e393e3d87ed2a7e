import { Knex } from 'knex';
import { DbTaskEventRow, TASK_EVENTS } from '../tables';

/**
 * What tasks' events tell of their course, in the order in which it happened: the changes of the steps' states, and
 * whether a task was cancelled or recovered. Log lines without a state, by far the most, are left in the database.
 */
export async function readStepEvents(
  knex: Knex | Knex.Transaction,
  taskIds: string[],
): Promise<Pick<DbTaskEventRow, 'task_id' | 'event_type' | 'body'>[]> {
  return knex<DbTaskEventRow>(TASK_EVENTS)
    .whereIn('task_id', taskIds)
    .andWhere(query =>
      query
        .whereIn('event_type', ['cancelled', 'recovered'])
        // Within a message the quotes would be escaped, so this finds the key only.
        .orWhere(log =>
          log
            .where('event_type', 'log')
            .andWhere('body', 'like', '%"status":"%'),
        ),
    )
    .orderBy('id')
    .select('task_id', 'event_type', 'body');
}
