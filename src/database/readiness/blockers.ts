import {
  IN_FLIGHT_INDEX,
  MAKE_IN_FLIGHT_INDEX,
} from '../operations/server/ensureInFlightIndex';
import { OWN_TABLES } from '../ownTables';
import { MIGRATIONS } from '../migrations';
import { ExplainedError } from '../../util/ExplainedError';
import { safeError } from '../../util/safeError';

/* The errors for operators when the database is not as the module needs it: what was found, what is accepted, and what to do. */

/** The database is not as the module needs it, so that it decides on nothing. */
export class Blocker extends ExplainedError {
  constructor(
    message: string,
    /** Whether the scaffolder's table of tasks is there, so that tasks can be deferred meanwhile. */
    readonly canDefer: boolean,
  ) {
    super(message);
    this.name = 'RecoveryBlocked';
  }
}

const DEFERRED =
  'Until then no interrupted task is decided on. All are deferred, so that the scaffolder does not run them again either';

/** @param missing - the errors of the database */
export function scaffolderTablesMissing(missing: string[]): Blocker {
  return new Blocker(
    `Interrupted tasks cannot be recovered: the database of the scaffolder plugin has no tables of its own task store (${missing.join(
      '; ',
    )}). The tables of @backstage/plugin-scaffolder-backend 4.2.0 or later are needed. If a custom task broker (scaffolderTaskBrokerExtensionPoint) keeps the tasks elsewhere, this module cannot recover them: remove the broker, or set scaffolder.recoverTasks to false. Otherwise run the scaffolder's migrations. Until then no task is decided on or deferred`,
    false,
  );
}

/**
 * @param missing - the errors of the database
 * @param isSkipped - whether the operator runs migrations apart
 */
export function ownTablesMissing(
  missing: string[],
  isSkipped: boolean,
): Blocker {
  const tables = [...Object.keys(OWN_TABLES), MIGRATIONS.tableName];
  const remedy = isSkipped
    ? `Migrations are skipped (backend.database.skipMigrations, or that of the plugin), so create them: start one backend with migrations on, or run the migrations in the package's folder 'migrations' with knex and the table name ${MIGRATIONS.tableName}`
    : `${
        MIGRATIONS.tableName
      } has them as created. Restore them from a backup, or drop what is left of ${tables.join(
        ', ',
      )} and ${
        MIGRATIONS.tableName
      }_lock; they are then created again, without the record of earlier attempts`;
  return new Blocker(
    `Interrupted tasks cannot be recovered: tables of this module are missing (${missing.join(
      '; ',
    )}). ${remedy}. ${DEFERRED}`,
    true,
  );
}

/** @param error - of the database, which names the table */
export function ownTablesDenied(error: unknown): Blocker {
  return new Blocker(
    `Interrupted tasks cannot be recovered: the database user of the backend may not read tables of this module. ${
      safeError(error).message
    }. Grant it all rights on ${[...Object.keys(OWN_TABLES), MIGRATIONS.tableName].join(', ')}, or make it their owner. ${DEFERRED}`,
    true,
  );
}

/** @param error - of the migration */
export function migrationFailed(error: unknown): Blocker {
  const { name, message } = safeError(error);
  const cause =
    name === 'MigrationLocked'
      ? `the lock of knex, in ${MIGRATIONS.tableName}_lock, is held. This module holds it only within a transaction, so something else has left it. If no migration of this module is running, run: delete from ${MIGRATIONS.tableName}_lock`
      : `${message}. The module needs to create tables that refer to the scaffolder's table 'tasks', and waits 3 s for a lock on it: check for missing permissions and for long transactions. Or create the tables by other means and set backend.database.plugin.scaffolder.skipMigrations`;
  return new Blocker(
    `Interrupted tasks cannot be recovered: the tables of this module cannot be created, trying again every 10 s. ${cause}. ${DEFERRED}`,
    true,
  );
}

/** @param cause - why it is not made. Tasks are recovered all the same. */
export function indexMissing(cause: string): ExplainedError {
  return new ExplainedError(
    `The index ${IN_FLIGHT_INDEX} is missing: ${cause}. Tasks are recovered without it, but each pass, once a second, reads the whole table 'tasks'. Its owner can create it, without blocking anyone, on PostgreSQL with: ${MAKE_IN_FLIGHT_INDEX.join(
      '; ',
    )}. On SQLite without 'concurrently'`,
  );
}
