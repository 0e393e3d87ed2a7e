import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, TASKS } from '../tables';
import { isSqlite, secondsAgo } from '../time';

/** Any number that no other advisory lock in the scaffolder's database has. */
const LAST_CHANCE_LOCK = 7_201_512;

/**
 * Whether some task got its last chance within so many seconds and has not ended since. Nobody else can ask this until the
 * transaction ends.
 */
export async function isLastChanceTaken(
  tx: Knex.Transaction,
  seconds: number,
): Promise<boolean> {
  if (!isSqlite(tx)) {
    await tx.raw('select pg_advisory_xact_lock(?)', LAST_CHANCE_LOCK);
  }
  const taken = await tx(TASKS)
    .join(ATTEMPTS, `${ATTEMPTS}.task_id`, `${TASKS}.id`)
    .whereRaw(IN_FLIGHT)
    .where(`${ATTEMPTS}.last_chance`, true)
    .where(`${ATTEMPTS}.decided_at`, '>', secondsAgo(tx, seconds))
    .first(`${TASKS}.id`);
  return taken !== undefined;
}
