import { Knex } from 'knex';
import { isSqlite } from '../time';

/**
 * Runs statements over many tasks in one transaction, on PostgreSQL without just-in-time compilation, which is on by default
 * where the server has it, as from Debian. PostgreSQL counts the subqueries of all conditions for each row, and so takes such a
 * statement for an expensive one. Compiling it takes longer than the statement does (`docs/measurements.md`).
 */
export async function withoutJit<T>(
  knex: Knex,
  action: (tx: Knex.Transaction) => Promise<T>,
): Promise<T> {
  return knex.transaction(async tx => {
    if (!isSqlite(tx)) {
      await tx.raw('set local jit = off');
    }
    return action(tx);
  });
}
