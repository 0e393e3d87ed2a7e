import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, TASKS } from '../tables';
import { isSqlite, secondsAgo } from '../time';

/** Any number that no other advisory lock in the scaffolder's database has. */
const LAST_CHANCE_LOCK = 7_201_512;

/**
 * The tasks that got their last chance within so many seconds, and have neither ended nor been decided on since, with how
 * many of their steps had finished by then. Nobody else can ask this until the transaction ends.
 */
export async function listLastChances(
  tx: Knex.Transaction,
  seconds: number,
): Promise<{ taskId: string; finishedSteps: number }[]> {
  if (!isSqlite(tx)) {
    await tx.raw('select pg_advisory_xact_lock(?)', LAST_CHANCE_LOCK);
  }
  return tx(TASKS)
    .join(ATTEMPTS, `${ATTEMPTS}.task_id`, `${TASKS}.id`)
    .whereRaw(IN_FLIGHT)
    .where(`${ATTEMPTS}.last_chance`, true)
    .where(`${ATTEMPTS}.decided_at`, '>', secondsAgo(tx, seconds))
    .whereNotExists(
      tx({ later: ATTEMPTS })
        .select(tx.raw('1'))
        .whereRaw(`later.task_id = ${ATTEMPTS}.task_id`)
        .whereRaw(`later.attempt > ${ATTEMPTS}.attempt`),
    )
    .select({
      taskId: `${TASKS}.id`,
      finishedSteps: `${ATTEMPTS}.finished_steps`,
    });
}
