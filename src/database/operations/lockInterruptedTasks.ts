import { Knex } from 'knex';
import { DbStrategyRow, DbTaskRow, STRATEGIES, TASKS } from '../tables';
import { isSqlite, secondsSilent } from '../time';
import { whereInterrupted, whereUndecided } from './interrupted';

/** An interrupted task as it is decided on. */
export type InterruptedTaskRow = Pick<
  DbTaskRow,
  'id' | 'spec' | 'state' | 'created_by' | 'created_at' | 'last_heartbeat_at'
> & {
  /** Whether the secrets can be read by the worker that claims the task. The secrets themselves stay here. */
  secretsReadable: boolean;
  secondsSilent: number;
  /** What is remembered of the strategy, if anything. */
  remembered?: Pick<DbStrategyRow, 'strategy' | 'source' | 'remark'>;
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
      { seconds_silent: secondsSilent(tx) },
    );
  // SQLite has no row locks; there the updates that follow are guarded and a write transaction excludes all others.
  if (!isSqlite(tx)) {
    query.forUpdate(TASKS).skipLocked();
  }
  const rows: any[] = await query;
  return rows.map(row => {
    const { secrets, strategy, source, remark, seconds_silent, ...task } = row;
    return {
      ...task,
      secretsReadable: isJsonOrNull(secrets),
      secondsSilent: seconds_silent,
      remembered: strategy ? { strategy, source, remark } : undefined,
    };
  });
}

function isJsonOrNull(text: string | null): boolean {
  try {
    JSON.parse(text || 'null');
    return true;
  } catch {
    return false;
  }
}
