import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../tables';
import { secondsAgo } from '../time';
import { whereInterrupted, whereUndecided } from './interrupted';

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
  | { kind: 'handOver'; state: string | null; staleTimeoutSeconds: number };

/**
 * Changes a task, if it is still interrupted and not decided on.
 *
 * Both are asked for again although the row is locked: on PostgreSQL, what `lockInterruptedTask` read of the decisions may
 * be older than its lock. Without this, 25 of 1,800 tasks were decided on twice by four passes at once.
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
    .modify(whereUndecided, tx)
    .update(columns(tx, update));
  return updated === 1;
}

function columns(tx: Knex.Transaction, update: InterruptedTaskUpdate): object {
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
    default:
      throw new Error(
        `Unknown update ${JSON.stringify(update satisfies never)}`,
      );
  }
}
