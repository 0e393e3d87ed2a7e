import { Knex } from 'knex';
import { DbStrategyRow, DbTaskRow, STRATEGIES, TASKS } from '../tables';
import { epochSeconds, isSqlite, secondsSilent } from '../time';
import { PLANNED, whereInterrupted, whereUndecided } from './interrupted';
import { readSecrets } from './readSecrets';

/** An interrupted task as it is decided on. */
export type InterruptedTaskRow = Pick<
  DbTaskRow,
  'id' | 'spec' | 'state' | 'created_by' | 'created_at' | 'last_heartbeat_at'
> & {
  /** Whether the secrets can be read by the worker that claims the task. The secrets themselves stay here. */
  secretsReadable: boolean;
  /** When the sign-in expired that the task was started with, if it has. */
  signInExpiredAt?: Date;
  secondsSilent: number;
  /** Whether its backend had been asked to end. */
  planned: boolean;
  /** What is remembered of the strategy, if anything. */
  remembered?: Pick<DbStrategyRow, 'strategy' | 'source' | 'remark'> & {
    maxAttempts?: number;
  };
};

/**
 * Reads tasks for a decision and keeps them from everybody else until the transaction ends.
 *
 * @returns those that are still interrupted, not decided on, and not being decided on right now.
 */
export async function lockInterruptedTasks(
  tx: Knex.Transaction,
  options: { taskIds: string[]; timeoutSeconds: number },
): Promise<InterruptedTaskRow[]> {
  const query = tx(TASKS)
    .leftJoin(STRATEGIES, `${STRATEGIES}.task_id`, `${TASKS}.id`)
    .whereIn(`${TASKS}.id`, options.taskIds)
    .modify(whereInterrupted, tx, options.timeoutSeconds)
    .modify(whereUndecided, tx)
    .select(
      `${TASKS}.id`,
      `${TASKS}.spec`,
      `${TASKS}.state`,
      `${TASKS}.secrets`,
      `${TASKS}.created_by`,
      `${TASKS}.created_at`,
      `${TASKS}.last_heartbeat_at`,
      `${STRATEGIES}.strategy`,
      `${STRATEGIES}.source`,
      `${STRATEGIES}.remark`,
      `${STRATEGIES}.max_attempts`,
      {
        seconds_silent: secondsSilent(tx),
        planned: tx.raw(PLANNED),
        now: epochSeconds(tx),
      },
    );
  // SQLite has no row locks; there the updates that follow are guarded and a write transaction excludes all others.
  if (!isSqlite(tx)) {
    query.forUpdate(TASKS).skipLocked();
  }
  const rows: any[] = await query;
  return rows.map(row => {
    const { strategy, source, remark, ...task } = row;
    const { readable, signInExpiresAt } = readSecrets(row.secrets);
    const hasExpired =
      signInExpiresAt && signInExpiresAt.getTime() <= row.now * 1000;
    return {
      id: task.id,
      spec: task.spec,
      state: task.state,
      created_by: task.created_by,
      created_at: task.created_at,
      last_heartbeat_at: task.last_heartbeat_at,
      secretsReadable: readable,
      signInExpiredAt: hasExpired ? signInExpiresAt : undefined,
      secondsSilent: task.seconds_silent,
      planned: Boolean(task.planned),
      remembered: strategy
        ? {
            strategy,
            source,
            remark,
            maxAttempts: task.max_attempts ?? undefined,
          }
        : undefined,
    };
  });
}
