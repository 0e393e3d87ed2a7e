import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../../../../scaffolder/tables';
import { isSqlite, secondsAgo, silentForAtLeast } from '../../../time';
import { Timeouts, whereInterrupted, whereUndecided } from '../interrupted';

/**
 * Keeps the scaffolder's own recovery from taking undecided tasks that it would take soon, by counting their silence
 * anew. The tasks stay interrupted.
 *
 * @param options.silentSeconds - only those that were silent for at least this long
 * @returns the ids of those that were deferred.
 */
export async function deferInterruptedTasks(
  tx: Knex.Transaction,
  options: { taskIds: string[]; silentSeconds: number } & Timeouts,
): Promise<string[]> {
  const { silentSeconds } = options;
  if (options.taskIds.length === 0) {
    return [];
  }
  const soon = tx(TASKS)
    .whereIn('id', options.taskIds)
    .modify(whereInterrupted, tx, options)
    .whereNotNull('last_heartbeat_at')
    .whereRaw(silentForAtLeast(tx, silentSeconds))
    .pluck('id');
  if (!isSqlite(tx)) {
    soon.forUpdate().skipLocked();
  }
  return countSilenceAnew(tx, {
    ...options,
    taskIds: await soon,
    where: query =>
      query
        .modify(whereInterrupted, tx, options)
        .modify(whereUndecided, tx, options),
  });
}

/**
 * Sets the heartbeats of locked tasks so that they were silent for just longer than the timeout. One that is too old to run again loses
 * its heartbeat instead: the scaffolder's own recovery takes none without, and its age still shows.
 *
 * @param options.where - which of them, asked again: only a statement that begins when the lock is held sees what others have decided
 *   by then.
 * @returns the ids of those.
 */
export async function countSilenceAnew(
  tx: Knex.Transaction,
  options: {
    taskIds: string[];
    where: (query: Knex.QueryBuilder) => unknown;
  } & Timeouts,
): Promise<string[]> {
  const { taskIds, timeoutSeconds, taskTimeoutSeconds, where } = options;
  if (taskIds.length === 0) {
    return [];
  }
  const rows = await tx<DbTaskRow>(TASKS)
    .whereIn('id', taskIds)
    .modify(query => void where(query))
    .update({
      last_heartbeat_at: tx.raw('case when ? then null else ? end', [
        silentForAtLeast(tx, taskTimeoutSeconds),
        // Two seconds more than the timeout: on SQLite a task is interrupted up to a second late.
        secondsAgo(tx, timeoutSeconds + 2),
      ]),
    } as object)
    .returning('id');
  return rows.map(row => row.id);
}
