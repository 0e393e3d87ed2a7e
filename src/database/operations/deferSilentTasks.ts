import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, TASKS, WAKEUPS } from '../tables';
import { isSqlite, silentForAtLeast } from '../time';
import { countSilenceAnew } from './holdInterruptedTasks';
import { whereUndecided } from './interrupted';

/**
 * As `holdInterruptedTasks`, for whoever cannot tell which tasks are interrupted: defers all running tasks that were silent for so long.
 * Needs nothing but the scaffolder's table. Where the module's tables are there, what was handed over stays so.
 *
 * @param options.limit - at most so many
 * @returns the ids of those that were deferred.
 */
export async function deferSilentTasks(
  tx: Knex.Transaction,
  options: { timeoutSeconds: number; silentSeconds: number; limit: number },
): Promise<string[]> {
  const { timeoutSeconds, silentSeconds, limit } = options;
  const isKnown =
    (await tx.schema.hasTable(ATTEMPTS)) && (await tx.schema.hasTable(WAKEUPS));
  const whereSilent = (query: Knex.QueryBuilder) => {
    query
      .whereRaw(IN_FLIGHT)
      .where('status', 'processing')
      .whereRaw(silentForAtLeast(tx, silentSeconds));
    if (isKnown) {
      query.modify(whereUndecided, tx);
    }
  };
  const soon = tx(TASKS).modify(whereSilent).limit(limit).pluck('id');
  if (!isSqlite(tx)) {
    soon.forUpdate().skipLocked();
  }
  return countSilenceAnew(tx, {
    taskIds: await soon,
    timeoutSeconds,
    where: whereSilent,
  });
}
