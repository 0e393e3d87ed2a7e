import { DatabaseService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import {
  ensureInFlightIndex,
  hasInFlightIndex,
} from '../operations/server/ensureInFlightIndex';
import { isSqlite } from '../time';
import { indexMissing } from './blockers';
import { safeError } from '../../util/safeError';

/** Creating it reads the whole table, which must not be repeated in vain. */
const TRY_AGAIN_MS = 10 * 60_000;

/**
 * It may wait for hours for a long transaction, with two connections. A pass takes up to half of the pool (`batchesAtOnce`), and the
 * heartbeats need some too.
 */
const MIN_POOL_SIZE = 5;

/** The index on the scaffolder's table, for speed only. It is made in the background, and nothing waits for it. */
export class InFlightIndex {
  #isThere = false;
  #failed?: { error: Error; at: number };
  readonly #stop = new AbortController();

  constructor(
    private readonly options: {
      knex: Knex;
      database: Pick<DatabaseService, 'migrations'>;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /**
   * Makes the index unless it is there or somebody else is making it. To be called about once a minute.
   *
   * @throws Error with the statements to run if it cannot be made.
   */
  async ensure(): Promise<void> {
    const { knex, database } = this.options;
    if (this.#isThere || this.#stop.signal.aborted) {
      return;
    }
    this.#isThere = await hasInFlightIndex(knex);
    if (this.#isThere) {
      return;
    }
    if (database.migrations?.skip) {
      throw indexMissing('migrations are skipped');
    }
    const poolSize: number | undefined = knex.client.config.pool?.max;
    if (poolSize !== undefined && poolSize < MIN_POOL_SIZE && !isSqlite(knex)) {
      throw indexMissing(
        `the pool has ${poolSize} connections, and creating it needs two of at least ${MIN_POOL_SIZE}`,
      );
    }
    await this.#make();
  }

  /** Gives up waiting for the database, so that its pool can be closed. */
  stop(): void {
    this.#stop.abort();
  }

  async #make(): Promise<void> {
    const { knex } = this.options;
    if (this.#failed && this.#now() - this.#failed.at < TRY_AGAIN_MS) {
      throw this.#failed.error;
    }
    const { signal } = this.#stop;
    try {
      this.#isThere = await ensureInFlightIndex(knex, { signal });
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.#failed = {
        error: indexMissing(
          `it could not be created, trying again every 10 minutes. ${
            safeError(error).message
          }`,
        ),
        at: this.#now(),
      };
      throw this.#failed.error;
    }
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}
