import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow, DbTaskRow, TASKS } from '../tables';
import { whereHandedOver } from './interrupted';

/**
 * Opens a task that was handed over, for the workers of this process, which start after this.
 *
 * @returns the strategy that the task was last decided by, if any, or nothing if the task was claimed since.
 */
export async function openHandedOverTask(
  tx: Knex.Transaction,
  { taskId, timeoutSeconds }: { taskId: string; timeoutSeconds: number },
): Promise<{ strategy: string | null } | undefined> {
  const updated = await tx<DbTaskRow>(TASKS)
    .where('id', taskId)
    .modify(whereHandedOver, tx, timeoutSeconds)
    .update({ status: 'open', last_heartbeat_at: tx.fn.now() });
  if (updated !== 1) {
    return undefined;
  }
  const attempt = await tx<DbAttemptRow>(ATTEMPTS)
    .where('task_id', taskId)
    .orderBy('attempt', 'desc')
    .first();
  return { strategy: attempt?.strategy ?? null };
}
