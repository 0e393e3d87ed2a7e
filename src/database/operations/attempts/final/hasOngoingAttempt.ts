import { Knex } from 'knex';
import { ATTEMPTS } from '../../../tables';
import { Ongoing, ongoingAttempts } from './ongoingAttempts';

/**
 * Whether an attempt is ongoing, and not the final one, before which its task was recovered so often in a row, this one included, without
 * progress.
 */
export async function hasOngoingAttempt(
  tx: Knex.Transaction,
  { minAttemptsUsed, ...ongoing }: Ongoing & { minAttemptsUsed: number },
): Promise<boolean> {
  const task = await ongoingAttempts(tx, ongoing)
    .where(`${ATTEMPTS}.spent`, '>=', minAttemptsUsed)
    .where(`${ATTEMPTS}.last_chance`, false)
    .first(tx.raw('1 as found'));
  return task !== undefined;
}
