import { DatabaseService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import path from 'node:path';

/** Where the module's migrations are, and the table that tells which of them have run. */
export const MIGRATIONS: Knex.MigratorConfig = {
  // The folder is as far from src/database as from dist/database, which the end-to-end test of the tarball shows.
  // `resolvePackagePath` would not find the package when it runs from its own repository.
  // eslint-disable-next-line no-restricted-syntax
  directory: path.resolve(__dirname, '../../migrations'),
  tableName: 'scaffolder_recovery_migrations',
  // Migrations only add. So an earlier version goes on when a deployment is rolled back, and is not stopped by what it does not know.
  disableMigrationsListValidation: true,
};

/**
 * Brings the module's own tables up to date, unless the operator runs migrations apart (`database.migrations.skip`).
 *
 * The tables refer to the scaffolder's, so this has to wait until the scaffolder plugin has initialised, which on a
 * first boot is after the module's `init`.
 */
export async function applyMigrations(
  database: DatabaseService,
  knex: Knex,
): Promise<void> {
  if (!database.migrations?.skip) {
    await knex.migrate.latest(MIGRATIONS);
  }
}
