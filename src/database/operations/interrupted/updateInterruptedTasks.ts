import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';
import { heartbeatStaleIn } from '../../time';
import {
  Evidence,
  Timeouts,
  whereInterrupted,
  whereUndecided,
} from './interrupted';

/** What can be done with interrupted tasks. */
export type InterruptedTaskUpdate =
  /** They end. A task that ended keeps no secrets, as in the scaffolder's `completeTask` (4.2.0). */
  | { kind: 'close'; status: 'failed' | 'cancelled' }
  /** They can be claimed at once. Only a worker that starts later polls for them. */
  | { kind: 'open' }
  /**
   * They are left to the scaffolder's own recovery, which takes what was silent for its `staleTimeout`, opens it within
   * 10 s and wakes a worker (`TASK_RECOVERY_INTERVAL_MS`, 4.2.0). Those with a delay it takes so many seconds later.
   */
  | {
      kind: 'handOver';
      staleTimeoutSeconds: number;
      delays?: Map<string, number>;
    };

/**
 * Changes tasks, those that are still interrupted and not decided on.
 *
 * Both are asked for again although the rows are locked: on PostgreSQL, what `lockInterruptedTasks` read of the decisions may
 * be older than its locks. Without this, 25 of 1,800 tasks were decided on twice by four passes at once.
 *
 * @param options.states - the states to store, of those tasks whose state changes
 * @returns the ids of the tasks that were changed.
 */
export async function updateInterruptedTasks(
  tx: Knex.Transaction,
  options: {
    taskIds: string[];
    states?: Map<string, string | null>;
  } & Timeouts &
    Evidence,
  update: InterruptedTaskUpdate,
): Promise<string[]> {
  const { taskIds, states } = options;
  if (taskIds.length === 0) {
    return [];
  }
  const rows = await tx<DbTaskRow>(TASKS)
    .whereIn('id', taskIds)
    .modify(whereInterrupted, tx, options)
    .modify(whereUndecided, tx, options)
    .update({
      ...columns(tx, update),
      ...(states?.size ? { state: byTask(tx, states, `${TASKS}.state`) } : {}),
    })
    .returning('id');
  return rows.map(row => row.id);
}

function columns(tx: Knex.Transaction, update: InterruptedTaskUpdate): object {
  switch (update.kind) {
    case 'close':
      // From now on the files of the task are kept for a while, however long the backend was down.
      return {
        status: update.status,
        secrets: null,
        last_heartbeat_at: tx.fn.now(),
      };
    case 'open':
      return { status: 'open', last_heartbeat_at: tx.fn.now() };
    case 'handOver':
      return {
        last_heartbeat_at: heartbeatStaleIn(
          tx,
          update.staleTimeoutSeconds,
          update.delays?.size ? byTask(tx, update.delays, '0::float8') : 0,
        ),
      };
    default:
      throw new Error(
        `Unknown update ${JSON.stringify(update satisfies never)}`,
      );
  }
}

/** A value for each task in one statement, and another one for all others. */
function byTask(
  tx: Knex.Transaction,
  values: Map<string, string | number | null>,
  otherwise: string,
): Knex.Raw {
  return tx.raw(
    `case ${TASKS}.id ${'when ? then ? '.repeat(values.size)}else ${otherwise} end`,
    [...values].flat() as Knex.Value[],
  );
}
