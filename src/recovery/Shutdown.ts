import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { listRuns } from '../database/operations/listRuns';
import { markShutdown } from '../database/operations/markShutdown';
import { isSqlite } from '../database/time';
import { LiveRuns } from './LiveRuns';
import { safeError } from './safeError';

/** A database that is slow must not keep the process from ending. */
const MARK_MS = 3_000;

/** How long the scaffolder may take to store that a run has ended, once its folder is gone. */
const STORE_MS = 5_000;

/** A run that has no database is to be gone before others take its task over. */
const LINGER_MS = 1_000;

/**
 * What a process does about the tasks that it runs when it is asked to end, as it is for each deployment. It marks them, so
 * that nobody waits for `recoverTasksTimeout` to recover them.
 */
export class Shutdown {
  #hasBegun = false;

  constructor(
    private readonly options: {
      knex: Knex;
      runs: LiveRuns;
      /** Whether running tasks are let to end: `scaffolder.EXPERIMENTAL_gracefulShutdown`. */
      isGraceful: boolean;
      /** Ends the process. */
      exit: () => void;
      logger: LoggerService;
    },
  ) {}

  /** To be called in a shutdown hook of the plugin: the database is still open there, and the tasks run on. */
  async begin(): Promise<void> {
    const { runs, isGraceful, logger } = this.options;
    this.#hasBegun = true;
    const taskIds = runs.alive();
    if (taskIds.length === 0) {
      return;
    }
    logger.info(
      `Shutting down; these tasks run here, and are recovered if they do not end: ${taskIds.join(
        ', ',
      )}`,
    );
    await this.#mark(taskIds);
    if (isGraceful && this.#databaseCloses()) {
      await this.#untilRunsHaveEnded();
    }
  }

  /** To be called when this process has claimed a task, which it may do until its workers are stopped. */
  async claimed(taskId: string): Promise<void> {
    if (this.#hasBegun) {
      await this.#mark([taskId]);
    }
  }

  /**
   * To be called in a shutdown hook of the root, together with the one that closes the database. In production the process
   * then waits for open requests, such as that of a browser that shows the task (`createHttpServer` of
   * @backstage/backend-defaults 0.18.0). Meanwhile its runs would go on, without a sign of life.
   */
  databaseClosing(): void {
    const { runs, exit, logger } = this.options;
    if (!this.#databaseCloses()) {
      return;
    }
    setTimeout(() => {
      const taskIds = runs.alive();
      if (taskIds.length > 0) {
        logger.warn(
          `Ending this process without waiting for open requests, since others take over the tasks that it still runs: ${taskIds.join(
            ', ',
          )}`,
        );
        exit();
      }
    }, LINGER_MS);
  }

  /** That of SQLite stays open (`DatabaseManager.shutdown` of @backstage/backend-defaults 0.18.0). */
  #databaseCloses(): boolean {
    return !isSqlite(this.options.knex);
  }

  async #mark(taskIds: string[]): Promise<void> {
    const { knex, runs, logger } = this.options;
    const mark = async () => {
      const interrupted = await Promise.all(
        taskIds.map(async taskId => ({
          taskId,
          recoveredEvent: await runs.recoveredEventBefore(taskId),
        })),
      );
      await markShutdown(knex, interrupted);
    };
    const giveUp = async () => {
      await sleep(MARK_MS, undefined, { ref: false });
      throw new Error(`The database did not answer within ${MARK_MS} ms`);
    };
    try {
      await Promise.race([mark(), giveUp()]);
    } catch (error) {
      logger.error(
        `Could not record that tasks are interrupted by a shutdown; they are recovered after scaffolder.recoverTasksTimeout: ${taskIds.join(
          ', ',
        )}`,
        safeError(error),
      );
    }
  }

  /**
   * The scaffolder waits for its runs as well, but in a shutdown hook of the root, when the database is closed already: their
   * ends could not be stored, and others would run them again.
   */
  async #untilRunsHaveEnded(): Promise<void> {
    const { runs } = this.options;
    const seen = new Set<string>();
    let lastAliveAt = performance.now();
    for (;;) {
      const alive = runs.alive();
      alive.forEach(taskId => seen.add(taskId));
      if (alive.length > 0) {
        lastAliveAt = performance.now();
      } else if (
        performance.now() - lastAliveAt > STORE_MS ||
        !(await this.#isAnyRunning([...seen]))
      ) {
        return;
      }
      await sleep(250);
    }
  }

  async #isAnyRunning(taskIds: string[]): Promise<boolean> {
    try {
      const rows = await listRuns(this.options.knex, taskIds, 0);
      return rows.some(row => row.status === 'processing');
    } catch {
      return true;
    }
  }
}
