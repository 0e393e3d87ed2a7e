import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../tables';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';
import { isSqlite } from '../../time';
import { Timeouts, whereHandedOver } from '../interrupted/interrupted';

/**
 * Opens tasks that were handed over, for the workers of this process, which start after this. One that another transaction has locked is left to
 * the scaffolder's polls: the start of this process does not wait for it.
 *
 * @returns those that were not claimed since, with the strategy that they were last decided by, if any.
 */
export async function openHandedOverTasks(
  tx: Knex.Transaction,
  options: { taskIds: string[] } & Timeouts,
): Promise<{ id: string; strategy?: string }[]> {
  const due = tx<DbTaskRow>(TASKS)
    .whereIn('id', options.taskIds)
    .modify(whereHandedOver, tx, options);
  if (!isSqlite(tx)) {
    due.forUpdate().skipLocked();
  }
  const opened = await tx<DbTaskRow>(TASKS)
    .whereIn('id', await due.pluck('id'))
    .update({ status: 'open', last_heartbeat_at: tx.fn.now() })
    .returning('id');
  const attempts = await tx<DbAttemptRow>(ATTEMPTS)
    .whereIn(
      'task_id',
      opened.map(row => row.id),
    )
    .orderBy('attempt')
    .select('task_id', 'strategy');
  const strategies = new Map(attempts.map(a => [a.task_id, a.strategy]));
  return opened.map(({ id }) => ({
    id,
    strategy: strategies.get(id) ?? undefined,
  }));
}
