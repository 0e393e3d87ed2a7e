import { Knex } from 'knex';
import { IN_FLIGHT, SHUTDOWNS, STRATEGIES, TASKS } from '../tables';

/**
 * Forgets what was remembered of tasks that have ended: their strategies, and shutdowns of their backends. Starts from the
 * few remembered ones, not from all tasks.
 */
export async function forgetEndedTasks(knex: Knex): Promise<void> {
  for (const table of [STRATEGIES, SHUTDOWNS]) {
    await knex(table)
      .whereExists(
        knex(TASKS)
          .select(knex.raw('1'))
          .whereRaw(`${TASKS}.id = ${table}.task_id`)
          .whereRaw(`not (${IN_FLIGHT})`),
      )
      .delete();
  }
}
