import { Knex } from 'knex';
import { isSqlite } from '../../time';

/** The version of SQLite, such as `3.44.0`. Nothing on another engine. */
export async function readSqliteVersion(
  knex: Knex,
): Promise<string | undefined> {
  if (!isSqlite(knex)) {
    return undefined;
  }
  const row = await knex
    .select({ version: knex.raw('sqlite_version()') })
    .first();
  return row!.version;
}
