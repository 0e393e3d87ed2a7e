import { Knex } from 'knex';
import { IN_FLIGHT, STRATEGIES, TASKS } from '../tables';

/** Forgets the strategies of tasks that have ended. Starts from the few remembered ones, not from all tasks. */
export async function forgetEndedTasks(knex: Knex): Promise<void> {
  await knex(STRATEGIES)
    .whereExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .whereRaw(`${TASKS}.id = ${STRATEGIES}.task_id`)
        .whereRaw(`not (${IN_FLIGHT})`),
    )
    .delete();
}
