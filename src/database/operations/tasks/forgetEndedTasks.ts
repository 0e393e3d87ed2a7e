import { Knex } from 'knex';
import { ATTEMPTS, CLAIMS, SHUTDOWNS, STRATEGIES, NUDGES } from '../../tables';
import { IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import { secondsAgo } from '../../time';
import { NUDGED_SINCE_HEARTBEAT } from '../interrupted/interrupted';

/**
 * Forgets what was remembered of tasks that have ended: what their attempts count against their limits, their strategies, shutdowns of their
 * backends, and which processes claimed them. Forgets nudges that nobody asks for any more as well. Starts from the few remembered ones, not
 * from all tasks.
 *
 * @param options.nudgeIntervalSeconds - for so long a nudge keeps others from being made
 */
export async function forgetEndedTasks(
  knex: Knex,
  options: { nudgeIntervalSeconds: number },
): Promise<void> {
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
  for (const table of [STRATEGIES, SHUTDOWNS, CLAIMS]) {
    await knex(table).whereExists(ended(table)).delete();
  }
  // One of a task that waits to be claimed shows that the task was handed over, however old it is.
  await knex(NUDGES)
    .where('woken_at', '<=', secondsAgo(knex, options.nudgeIntervalSeconds))
    .whereNotExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .whereRaw(IN_FLIGHT)
        .whereRaw(`${TASKS}.id = ${NUDGES}.task_id`)
        .whereRaw(NUDGED_SINCE_HEARTBEAT),
    )
    .delete();
}
