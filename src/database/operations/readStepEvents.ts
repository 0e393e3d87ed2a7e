import { Knex } from 'knex';
import { DbTaskEventRow, TASK_EVENTS } from '../tables';

/**
 * What a task's events tell of its course, in the order in which it happened: the changes of its steps' states, and
 * whether it was cancelled or recovered. Log lines without a state, by far the most, are left in the database.
 */
export async function readStepEvents(
  knex: Knex | Knex.Transaction,
  taskId: string,
): Promise<Pick<DbTaskEventRow, 'event_type' | 'body'>[]> {
  return knex<DbTaskEventRow>(TASK_EVENTS)
    .where('task_id', taskId)
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
    .select('event_type', 'body');
}
