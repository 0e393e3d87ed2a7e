import { Knex } from 'knex';
import { INDEX_LOCK } from '../../dialect/advisoryLocks';
import { STATUS_IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import { isSqlite } from '../../time';

/**
 * An index for the few tasks in flight among years of history: the scaffolder gives its table none. It is keyed on their age, the
 * order in which they are recovered. Heartbeats do not change that, so that on PostgreSQL they stay heap-only updates.
 */
export const IN_FLIGHT_INDEX = 'scaffolder_recovery_in_flight_idx';

const COLUMNS = `${TASKS} (created_at, id) where ${STATUS_IN_FLIGHT}`;

/** The statements that make the index, in this order. Not within a transaction. */
export const MAKE_IN_FLIGHT_INDEX = [
  `drop index concurrently if exists ${IN_FLIGHT_INDEX}`,
  `create index concurrently ${IN_FLIGHT_INDEX} on ${COLUMNS}`,
];

/** Whether the index is there and complete. On PostgreSQL one whose making was cut short is there, costs each write, and is not used. */
export async function hasInFlightIndex(knex: Knex): Promise<boolean> {
  if (isSqlite(knex)) {
    const found = await knex('sqlite_master')
      .where({ type: 'index', name: IN_FLIGHT_INDEX })
      .first('name');
    return found !== undefined;
  }
  const { rows } = await knex.raw(
    `select indisvalid from pg_index where indexrelid = to_regclass('${IN_FLIGHT_INDEX}')`,
  );
  return rows[0]?.indisvalid === true;
}

/**
 * Makes the index if nobody else makes it. On PostgreSQL without blocking anyone, and after all older transactions have ended, such as
 * that of a backup. Takes two connections meanwhile.
 *
 * @param options.signal - gives up waiting. PostgreSQL may complete the index all the same.
 * @returns whether the index is there. If not, somebody else is making it.
 */
export async function ensureInFlightIndex(
  knex: Knex,
  options: { signal?: AbortSignal } = {},
): Promise<boolean> {
  if (await hasInFlightIndex(knex)) {
    return true;
  }
  if (isSqlite(knex)) {
    await knex.raw(
      `create index if not exists ${IN_FLIGHT_INDEX} on ${COLUMNS}`,
    );
    return true;
  }
  // A lock of a transaction: one of a session would stay on a connection of a transaction pooler.
  // The index waits for older snapshots, which this transaction must not keep. So it is `read committed`, whatever is the default, and has
  // no bindings: with bindings PostgreSQL (18) keeps the snapshot until the next statement, and the index waited for ever.
  return knex.transaction(
    async guard => {
      const { rows } = await guard.raw(
        `select pg_try_advisory_xact_lock(${INDEX_LOCK}) as "isOurs"`,
      );
      if (!rows[0].isOurs || (await isBeingMade(guard))) {
        return hasInFlightIndex(guard);
      }
      if (!(await hasInFlightIndex(guard))) {
        await make(knex, options.signal);
      }
      return true;
    },
    { isolationLevel: 'read committed' },
  );
}

/**
 * Whether somebody holds, or waits for, the lock that an index takes which is made concurrently. PostgreSQL goes on with it after the
 * process that asked for it was killed, when the advisory lock is free. To drop the index then would wait for its completion and drop
 * it for nothing. A vacuum takes the same lock, and has to be waited for as well.
 */
async function isBeingMade(knex: Knex): Promise<boolean> {
  const { rows } = await knex.raw(
    `select 1 from pg_locks
     where locktype = 'relation' and mode = 'ShareUpdateExclusiveLock'
       and relation = to_regclass('${TASKS}')
       and database = (select oid from pg_database where datname = current_database())
     limit 1`,
  );
  return rows.length > 0;
}

async function make(knex: Knex, signal?: AbortSignal): Promise<void> {
  const connection = await knex.client.acquireConnection();
  // Otherwise the pool could not be closed before PostgreSQL is done.
  const giveUp = () => void connection.end();
  signal?.addEventListener('abort', giveUp);
  try {
    for (const sql of MAKE_IN_FLIGHT_INDEX) {
      signal?.throwIfAborted();
      await knex.raw(sql).connection(connection);
    }
  } finally {
    signal?.removeEventListener('abort', giveUp);
    await knex.client.releaseConnection(connection);
  }
}
