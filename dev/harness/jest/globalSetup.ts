import { checkSqlite } from '../prepare/checkSqlite';
import { PostgresServer } from '../postgres/PostgresServer';

/** Starts the PostgreSQL that `TestDatabases` uses in all test files. */
export default async function setup(): Promise<void> {
  checkSqlite();
  const server = await PostgresServer.start();
  process.env.BACKSTAGE_TEST_DATABASE_POSTGRES18_CONNECTION_STRING =
    server.connectionString;
  Object.assign(globalThis, { stopTestPostgres: () => server.stop() });
}
