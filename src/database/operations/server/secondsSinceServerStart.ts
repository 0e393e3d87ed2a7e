import { Knex } from 'knex';
import { isSqlite } from '../../time';

/**
 * For how long the database server has been up; for ever if it is in this process.
 *
 * When a process of PostgreSQL is killed, the server ends all sessions and starts again by itself, and `pg_postmaster_start_time` stays as
 * it was. But it gives up its statistics then, so that they count from that moment (seen with 18.4; every role may read it). Somebody who
 * resets them by hand makes the server look young as well, which only has others wait.
 */
export async function secondsSinceServerStart(knex: Knex): Promise<number> {
  if (isSqlite(knex)) {
    return Infinity;
  }
  const row = await knex
    .select({
      seconds: knex.raw(
        `extract(epoch from clock_timestamp() - greatest(
           pg_postmaster_start_time(),
           pg_stat_get_bgwriter_stat_reset_time()
         ))::float8`,
      ),
    })
    .first();
  return row!.seconds;
}
