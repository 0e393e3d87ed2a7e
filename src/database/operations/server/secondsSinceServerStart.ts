import { Knex } from 'knex';
import { isSqlite } from '../../time';

/** For how long the database server has been up; for ever if it is in this process. */
export async function secondsSinceServerStart(knex: Knex): Promise<number> {
  if (isSqlite(knex)) {
    return Infinity;
  }
  const row = await knex
    .select({
      seconds: knex.raw(
        'extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8',
      ),
    })
    .first();
  return row!.seconds;
}
