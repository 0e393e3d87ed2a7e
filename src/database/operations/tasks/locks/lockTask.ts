import { Knex } from 'knex';
import { TASKS } from '../../../../scaffolder/tables';
import { isSqlite, silentForAtLeast } from '../../../time';

/**
 * Keeps a task from being claimed until the transaction ends, and reads whether it runs now: it is `processing` and had
 * a heartbeat within the timeout.
 *
 * @returns nothing if there is no such task.
 */
export async function lockTask(
  tx: Knex.Transaction,
  options: { taskId: string; timeoutSeconds: number },
): Promise<{ running: boolean } | undefined> {
  const query = tx(TASKS)
    .where('id', options.taskId)
    .first('status', {
      silent: silentForAtLeast(tx, options.timeoutSeconds),
    });
  if (!isSqlite(tx)) {
    query.forUpdate();
  }
  const row = await query;
  return row && { running: row.status === 'processing' && !row.silent };
}
