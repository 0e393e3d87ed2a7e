import { Knex } from 'knex';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { isSqlite, silentForAtLeast } from '../../../time';
import { countSilenceAnew } from './deferInterruptedTasks';
import { Timeouts, whereUndecided } from '../interrupted';

/**
 * As `deferInterruptedTasks`, for when it is not known which tasks are interrupted: defers all running tasks that were silent for so long.
 * Needs nothing but the scaffolder's table. Where the module's tables are there, what was handed over stays so.
 *
 * @param options.limit - at most so many
 * @param options.hasOwnTables - whether it can be asked what was handed over (`HAND_OVER_COLUMNS`)
 * @returns the ids of those that were deferred.
 */
export async function deferSilentTasks(
  tx: Knex.Transaction,
  options: {
    silentSeconds: number;
    limit: number;
    hasOwnTables: boolean;
  } & Timeouts,
): Promise<string[]> {
  const { silentSeconds, limit, hasOwnTables } = options;
  const whereSilent = (query: Knex.QueryBuilder) => {
    query
      .whereRaw(IN_FLIGHT)
      .where('status', 'processing')
      .whereNotNull('last_heartbeat_at')
      .whereRaw(silentForAtLeast(tx, silentSeconds));
    if (hasOwnTables) {
      query.modify(whereUndecided, tx, options);
    }
  };
  const soon = tx(TASKS).modify(whereSilent).limit(limit).pluck('id');
  if (!isSqlite(tx)) {
    soon.forUpdate().skipLocked();
  }
  return countSilenceAnew(tx, {
    ...options,
    taskIds: await soon,
    where: whereSilent,
  });
}
