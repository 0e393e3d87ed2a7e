import { resolvePackagePath } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { applyMigrations } from '../../../src/database/migrations';
import { ensureInFlightIndex } from '../../../src/database/operations/server/ensureInFlightIndex';

/** Makes the scaffolder's tables with its own migrations, and nothing else. */
export async function migrateScaffolderOnly(knex: Knex): Promise<void> {
  await knex.migrate.latest({
    directory: resolvePackagePath(
      '@backstage/plugin-scaffolder-backend',
      'migrations',
    ),
  });
}

/** Adds the module's tables and its index. */
export async function migrateModule(knex: Knex): Promise<void> {
  await applyMigrations({}, knex);
  await ensureInFlightIndex(knex);
}
