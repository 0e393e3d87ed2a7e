import { DatabaseService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import path from 'node:path';
import { MIGRATION_LOCK } from './dialect/advisoryLocks';
import { isSqlite } from './time';

/** Where the module's migrations are, and the table that records which of them have run. */
export const MIGRATIONS: Knex.MigratorConfig & { tableName: string } = {
  // The folder is as far from src/database as from dist/database, which the end-to-end test of the tarball shows.
  // `resolvePackagePath` would not find the package when it runs from its own repository.
  // eslint-disable-next-line no-restricted-syntax
  directory: path.resolve(__dirname, '../../migrations'),
  tableName: 'scaffolder_recovery_migrations',
  // Migrations only add. So a release goes on when it is rolled back to, or when it is restarted amid a rolling deployment, and is not
  // stopped by a migration of the next release that it does not know.
  disableMigrationsListValidation: true,
};

/**
 * A table with a reference to `tasks` locks `tasks` against writers. While that lock waits for a long transaction, all heartbeats wait
 * behind it. So it gives up long before a run counts as interrupted, which takes 5 s at least.
 */
const LOCK_TIMEOUT = '3s';

/**
 * Brings the module's own tables up to date, unless the operator runs migrations apart (`database.migrations.skip`).
 *
 * All of it is one transaction: knex's own tables, its lock and the migrations. A process that is killed in it leaves nothing behind.
 * Left to itself, knex makes its tables outside of it, and of two processes that start on an empty database one fails, or each adds a
 * row to the table of the lock, after which nobody ever gets the lock. Hence the advisory lock: it ends with the transaction, and so
 * works behind a transaction pooler, as does `set local`.
 *
 * The tables refer to the scaffolder's, so this has to wait until the scaffolder plugin has initialised, which on a
 * first boot is after the module's `init`.
 */
export async function applyMigrations(
  database: Pick<DatabaseService, 'migrations'>,
  knex: Knex,
): Promise<void> {
  if (database.migrations?.skip) {
    return;
  }
  await knex.transaction(async tx => {
    if (!isSqlite(tx)) {
      await tx.raw(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      await tx.raw('select pg_advisory_xact_lock(?, ?)', [...MIGRATION_LOCK]);
    }
    await tx.migrate.latest(MIGRATIONS);
  });
}
