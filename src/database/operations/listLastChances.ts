import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, TASKS } from '../tables';
import { isSqlite, secondsAgo, silentForAtLeast } from '../time';

/** Any number that no other advisory lock in the scaffolder's database has. */
const LAST_CHANCE_LOCK = 7_201_512;

/**
 * The tasks that got their last chance within so many seconds and are still at it: they have neither ended nor been decided
 * on since, and did not fall silent once claimed. With how many of their steps had finished by then. Nobody else can ask this until
 * the transaction ends.
 */
export async function listLastChances(
  tx: Knex.Transaction,
  options: { seconds: number; silentSeconds: number },
): Promise<{ taskId: string; finishedSteps: number }[]> {
  if (!isSqlite(tx)) {
    await tx.raw('select pg_advisory_xact_lock(?)', LAST_CHANCE_LOCK);
  }
  return (
    tx(TASKS)
      .join(ATTEMPTS, `${ATTEMPTS}.task_id`, `${TASKS}.id`)
      .whereRaw(IN_FLIGHT)
      .where(`${ATTEMPTS}.last_chance`, true)
      .where(`${ATTEMPTS}.decided_at`, '>', secondsAgo(tx, options.seconds))
      // One that was opened has a younger heartbeat as well, but waits to be claimed.
      .whereRaw(
        `not (${TASKS}.status = 'processing'
        and ${TASKS}.last_heartbeat_at > ${ATTEMPTS}.decided_at and ?)`,
        silentForAtLeast(tx, options.silentSeconds),
      )
      .whereNotExists(
        tx({ later: ATTEMPTS })
          .select(tx.raw('1'))
          .whereRaw(`later.task_id = ${ATTEMPTS}.task_id`)
          .whereRaw(`later.attempt > ${ATTEMPTS}.attempt`),
      )
      .select({
        taskId: `${TASKS}.id`,
        finishedSteps: `${ATTEMPTS}.finished_steps`,
      })
  );
}
