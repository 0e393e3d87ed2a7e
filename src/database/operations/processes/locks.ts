import { Knex } from 'knex';
import { PROCESS_LOCK_CLASS } from '../../dialect/advisoryLocks';

/**
 * Reads the class of the locks of processes in this schema. Read where the tables are, and handed to the session that takes a lock: that
 * one may have another search path, since it is made apart from the pool.
 */
export async function readLockClass(knex: Knex): Promise<number> {
  const { rows } = await knex.raw(`select ${PROCESS_LOCK_CLASS} as class`);
  return rows[0].class;
}

/** The numbers of the processes whose locks are held, by whichever session. */
export async function listHeldLocks(knex: Knex): Promise<Set<number>> {
  const { rows } = await knex.raw(
    `select objid::int8::int4 as number from pg_locks
     where locktype = 'advisory' and granted
       and database = (select oid from pg_database where datname = current_database())
       and classid = (${PROCESS_LOCK_CLASS})::oid and objsubid = 2`,
  );
  return new Set(rows.map((row: { number: number }) => row.number));
}
