import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, SHUTDOWNS, STRATEGIES, TASKS } from '../tables';

/**
 * Forgets what was remembered of tasks that have ended: what their attempts count against their limits, their strategies, and
 * shutdowns of their backends. Starts from the few remembered ones, not from all tasks.
 */
export async function forgetEndedTasks(knex: Knex): Promise<void> {
  const ended = (table: string) =>
    knex(TASKS)
      .select(knex.raw('1'))
      .whereRaw(`${TASKS}.id = ${table}.task_id`)
      .whereRaw(`not (${IN_FLIGHT})`);
  // Mostly done already, by whoever saw the task end.
  await knex(ATTEMPTS)
    .whereIn(
      'task_id',
      knex(STRATEGIES).select('task_id').whereExists(ended(STRATEGIES)),
    )
    .where('spent', '>', 0)
    .update({ spent: 0 });
  for (const table of [STRATEGIES, SHUTDOWNS]) {
    await knex(table).whereExists(ended(table)).delete();
  }
}
