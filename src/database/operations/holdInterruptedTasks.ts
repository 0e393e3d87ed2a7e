import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../tables';
import { isSqlite, secondsAgo, silentForAtLeast } from '../time';
import { Timeouts, whereInterrupted, whereUndecided } from './interrupted';

/**
 * Keeps the scaffolder's own recovery from taking undecided tasks that it would take soon, by counting their silence
 * anew. The tasks stay interrupted.
 *
 * @param options.silentSeconds - only those that were silent for at least this long
 * @returns the ids of those that were held back.
 */
export async function holdInterruptedTasks(
  tx: Knex.Transaction,
  options: { taskIds: string[]; silentSeconds: number } & Timeouts,
): Promise<string[]> {
  const { timeoutSeconds, silentSeconds } = options;
  if (options.taskIds.length === 0) {
    return [];
  }
  const soon = tx(TASKS)
    .whereIn('id', options.taskIds)
    .modify(whereInterrupted, tx, timeoutSeconds)
    .whereRaw(silentForAtLeast(tx, silentSeconds))
    .pluck('id');
  if (!isSqlite(tx)) {
    soon.forUpdate().skipLocked();
  }
  const taskIds = await soon;
  if (taskIds.length === 0) {
    return [];
  }
  // Apart from the lock: only a statement that begins when it is held sees what others have decided by then.
  const rows = await tx<DbTaskRow>(TASKS)
    .whereIn('id', taskIds)
    .modify(whereInterrupted, tx, timeoutSeconds)
    .modify(whereUndecided, tx, options)
    // Two seconds more than the timeout: on SQLite a task is interrupted up to a second late.
    .update({ last_heartbeat_at: secondsAgo(tx, timeoutSeconds + 2) } as object)
    .returning('id');
  return rows.map(row => row.id);
}
