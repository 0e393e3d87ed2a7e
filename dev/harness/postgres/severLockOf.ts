import { Knex } from 'knex';
import { PROCESS_LOCK_CLASS } from '../../../src/database/dialect/advisoryLocks';
import { PROCESSES } from '../../../src/database/tables';

/**
 * Ends the session of PostgreSQL in which a process holds the lock by which others know that it lives.
 *
 * @param pid - the id of the process, on this host
 * @returns how many sessions that were
 */
export async function severLockOf(knex: Knex, pid: number): Promise<number> {
  const severed = await knex('pg_locks')
    .join(PROCESSES, `${PROCESSES}.number`, knex.raw('pg_locks.objid::int8'))
    .whereRaw(`classid = (${PROCESS_LOCK_CLASS})::oid and objsubid = 2`)
    .where({ locktype: 'advisory', [`${PROCESSES}.pid`]: pid })
    .select(knex.raw('pg_terminate_backend(pg_locks.pid)'));
  return severed.length;
}
