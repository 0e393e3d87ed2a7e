import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../tables';
import { secondsAgo } from '../time';
import { whereInterrupted } from './interrupted';

/** What can be done with an interrupted task. */
export type InterruptedTaskUpdate =
  /** It ends. A task that ended keeps no secrets, as in `completeTask` of the scaffolder's `DatabaseTaskStore` (4.2.0). */
  | { kind: 'close'; status: 'failed' | 'cancelled' }
  /** It can be claimed at once. Only a worker that starts later looks for it. */
  | { kind: 'open'; state: string | null }
  /**
   * It is left to the scaffolder's own recovery, which takes what was silent for its `staleTimeout`, opens it within
   * 10 s and wakes a worker (`TASK_RECOVERY_INTERVAL_MS` in `TaskWorker`, 4.2.0).
   */
  | { kind: 'handOver'; state: string | null; staleTimeoutSeconds: number }
  /** It stays interrupted, but the scaffolder's own recovery does not take it for a while. */
  | { kind: 'hold' };

/**
 * Changes a task, if it is still interrupted.
 *
 * @returns whether it was.
 */
export async function updateInterruptedTask(
  tx: Knex.Transaction,
  options: { taskId: string; timeoutSeconds: number },
  update: InterruptedTaskUpdate,
): Promise<boolean> {
  const updated = await tx<DbTaskRow>(TASKS)
    .where('id', options.taskId)
    .modify(whereInterrupted, tx, options.timeoutSeconds)
    .update(columns(tx, options.timeoutSeconds, update));
  return updated === 1;
}

function columns(
  tx: Knex.Transaction,
  timeoutSeconds: number,
  update: InterruptedTaskUpdate,
): object {
  switch (update.kind) {
    case 'close':
      return { status: update.status, secrets: null };
    case 'open':
      return {
        status: 'open',
        state: update.state,
        last_heartbeat_at: tx.fn.now(),
      };
    case 'handOver':
      return {
        state: update.state,
        last_heartbeat_at: secondsAgo(tx, update.staleTimeoutSeconds + 1),
      };
    case 'hold':
      // Two seconds more than the timeout: on SQLite a task is interrupted up to a second late.
      return { last_heartbeat_at: secondsAgo(tx, timeoutSeconds + 2) };
    default:
      throw new Error(
        `Unknown update ${JSON.stringify(update satisfies never)}`,
      );
  }
}
