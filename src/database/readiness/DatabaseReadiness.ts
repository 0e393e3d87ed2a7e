import { DatabaseService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { isConnectionLost } from '../connection/isConnectionLost';
import { applyMigrations } from '../migrations';
import {
  findMissingTables,
  isDenied,
} from '../operations/server/findMissingTables';
import { OWN_TABLES } from '../ownTables';
import { SCAFFOLDER_TABLES } from '../../scaffolder/tables';
import {
  migrationFailed,
  ownTablesDenied,
  ownTablesMissing,
  scaffolderTablesMissing,
} from './blockers';

/** A migration that waits for a lock on `tasks` makes heartbeats wait for up to 3 s, which must not happen all the time. */
const MIGRATE_AGAIN_MS = 10_000;

/** Checks that the database is as the module needs it, and creates the module's own tables. */
export class DatabaseReadiness {
  #isReady = false;
  #wasReady = false;
  #isMigrated = false;
  #failedMigration?: { error: Error; at: number };
  #ongoing?: Promise<void>;

  constructor(
    private readonly options: {
      knex: Knex;
      database: Pick<DatabaseService, 'migrations'>;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /**
   * Returns once the database is ready, and at once when that is known.
   *
   * @throws Blocker if it is not, or the error of the database if it does not answer.
   */
  async ensure(): Promise<void> {
    if (this.#isReady) {
      return;
    }
    // Many ask at once.
    this.#ongoing ??= this.#check().finally(() => {
      this.#ongoing = undefined;
    });
    await this.#ongoing;
  }

  /** Whether it was ready once in this process, whatever has become of it since: the database may just be away. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** To be called when something has failed that the database may have caused: it is checked again. */
  doubt(): void {
    this.#isReady = false;
  }

  async #check(): Promise<void> {
    const { knex, database } = this.options;
    const missing = await findMissingTables(knex, SCAFFOLDER_TABLES);
    if (missing.length > 0) {
      throw scaffolderTablesMissing(missing);
    }
    if (!this.#isMigrated) {
      await this.#migrate();
    }
    const ownMissing = await findMissingTables(knex, OWN_TABLES).catch(
      error => {
        throw isDenied(error) ? ownTablesDenied(error) : error;
      },
    );
    if (ownMissing.length > 0) {
      this.#isMigrated = false;
      throw ownTablesMissing(ownMissing, database.migrations?.skip === true);
    }
    this.#isReady = true;
    this.#wasReady = true;
  }

  async #migrate(): Promise<void> {
    const { knex, database } = this.options;
    const failed = this.#failedMigration;
    if (failed && this.#now() - failed.at < MIGRATE_AGAIN_MS) {
      throw failed.error;
    }
    try {
      await applyMigrations(database, knex);
    } catch (error) {
      if (isConnectionLost(error)) {
        // No blocker: whoever needs the tables waits, and no run begins without the files that it needs.
        throw error;
      }
      this.#failedMigration = {
        error: migrationFailed(error),
        at: this.#now(),
      };
      throw this.#failedMigration.error;
    }
    this.#failedMigration = undefined;
    this.#isMigrated = true;
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}
