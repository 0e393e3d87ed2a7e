import { Knex } from 'knex';
import { isSqlite } from '../time';

/** Of one transaction, in seconds. */
type Limits = {
  /** How long one of its statements may wait for a lock. */
  lockSeconds: number;
  /** How long it may do nothing. A process that stalls longer loses it. */
  idleSeconds: number;
};

const LIMITS: Limits = { lockSeconds: 10, idleSeconds: 10 };

/**
 * Runs the statements of a decision in one transaction. On PostgreSQL it has limits, so that a replica that stalls in the middle of one, or is cut
 * off there, holds up the others for seconds only: they wait for what it has locked. PostgreSQL ends its session then, and nothing of it is stored.
 *
 * It has no just-in-time compilation either, which is on by default where the server has it, as from Debian. PostgreSQL counts the subqueries of
 * all conditions for each row, and so takes a statement over many tasks for an expensive one. Compiling it took longer than the statement does
 * (`docs/measurements.md`, Benchmark).
 */
export async function shortTransaction<T>(
  knex: Knex,
  action: (tx: Knex.Transaction) => Promise<T>,
  { lockSeconds, idleSeconds }: Limits = LIMITS,
): Promise<T> {
  return knex.transaction(async tx => {
    if (!isSqlite(tx)) {
      await tx.raw(
        `set local jit = off; set local lock_timeout = '${lockSeconds}s'; set local idle_in_transaction_session_timeout = '${idleSeconds}s'`,
      );
    }
    return action(tx);
  });
}
