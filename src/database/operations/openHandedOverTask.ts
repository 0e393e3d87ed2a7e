import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow, DbTaskRow, TASKS } from '../tables';
import { whereHandedOver } from './interrupted';

/**
 * Opens a task that was handed over, for the workers of this process, which start after this.
 *
 * @returns the decision that is completed by this, or nothing if the task was claimed since.
 */
export async function openHandedOverTask(
  tx: Knex.Transaction,
  { taskId, timeoutSeconds }: { taskId: string; timeoutSeconds: number },
): Promise<DbAttemptRow | undefined> {
  const updated = await tx<DbTaskRow>(TASKS)
    .where('id', taskId)
    .modify(whereHandedOver, tx, timeoutSeconds)
    .update({ status: 'open', last_heartbeat_at: tx.fn.now() });
  return updated === 1
    ? tx<DbAttemptRow>(ATTEMPTS)
        .where('task_id', taskId)
        .orderBy('attempt', 'desc')
        .first()
    : undefined;
}
