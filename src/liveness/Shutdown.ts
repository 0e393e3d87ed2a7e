import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { OwnedRuns } from './ownership/OwnedRuns';
import { markOwnedRuns } from './ownership/markOwnedRuns';
import { safeError } from '../util/safeError';
import { TIMED_OUT, withTimeout } from '../util/withTimeout';
import { reportLostOwnership } from './ownership/reportLostOwnership';

/** A database that is slow must not keep the process from ending. */
const MARK_MS = 3_000;

const RENEW_MS = 1_000;

/**
 * Once the workers have stopped and for so many rounds this process owned no run, it is over. More than one: a worker may have sent a
 * claim just before it stopped, which takes effect when it is answered.
 */
const QUIET_ROUNDS = 2;

/**
 * What a process does about the tasks that it runs when it is asked to end, as it is for each deployment. It marks them, so
 * that nobody waits for `recoverTasksTimeout` to recover them, and renews their heartbeats until its end.
 *
 * It goes on to claim tasks until the scaffolder stops its workers, when the shutdown hooks of all plugins are through, and its runs may
 * go on for long after that. So what the module does while a task runs here ends when no task can any more, or with the database's pool.
 * The latter alone would be no end: Backstage means to close the pools in a shutdown hook, but does not get to it (`shutdown` of
 * `DatabaseManager`, @backstage/backend-defaults 0.18.0, calls `includes` of an object, and nobody hears of the error).
 */
export class Shutdown {
  #areWorkersStopped = false;

  constructor(
    private readonly options: {
      knex: Knex;
      runs: OwnedRuns;
      /** Whether a request to retry a task is being answered, whose statement the module still has to add to. */
      isRetrying: () => boolean;
      /** Ends the process; only given if it must end when a run has lost ownership. */
      exit?: () => void;
      /** Ends what the module has started; called when no task runs here any more, nor will. */
      end: () => void;
      /** Aborted when the module has ended, also if something else ends it first. */
      signal: AbortSignal;
      logger: LoggerService;
    },
  ) {}

  /** To be called in a shutdown hook of the plugin, in which the tasks still run. */
  async begin(): Promise<void> {
    const { runs, logger } = this.options;
    const taskIds = runs.begun();
    if (taskIds.length > 0) {
      logger.info(
        `These tasks run in this process, which shuts down; those that do not end in time are recovered: ${taskIds.join(
          ', ',
        )}`,
      );
      await this.#renewAndMarkInTime();
    }
    this.#goOnUntilTheEnd();
  }

  /** To be called in a shutdown hook of the root, in which the scaffolder stops its workers. */
  workersStop(): void {
    this.#areWorkersStopped = true;
  }

  async #renewAndMarkInTime(): Promise<void> {
    try {
      const done = await withTimeout(MARK_MS, this.#renewAndMark());
      if (done === TIMED_OUT) {
        throw new Error(`The database did not answer within ${MARK_MS} ms`);
      }
    } catch (error) {
      this.options.logger.error(
        'Could not mark the tasks of this process as interrupted by a shutdown. It tries again until it ends; without a mark they are recovered after scaffolder.recoverTasksTimeout',
        safeError(error),
      );
    }
  }

  /**
   * A process may live on for long after the root's shutdown hooks have stopped the scheduler, and its runs with it: with
   * `EXPERIMENTAL_gracefulShutdown` until they have ended, in production until all open requests have, such as that of a browser that
   * shows a task. Since its tasks are marked, five seconds without a heartbeat would cost them their runs.
   */
  #goOnUntilTheEnd(): void {
    const { runs, isRetrying, end, signal } = this.options;
    if (signal.aborted) {
      return;
    }
    let quietRounds = 0;
    const timer = setInterval(() => {
      const isQuiet =
        this.#areWorkersStopped && !runs.ownsAny() && !isRetrying();
      quietRounds = isQuiet ? quietRounds + 1 : 0;
      if (quietRounds === QUIET_ROUNDS) {
        end();
        return;
      }
      // Such a failure was logged by the first attempt, and there is nothing else to do about it.
      this.#renewAndMark().catch(() => {});
    }, RENEW_MS);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer), {
      once: true,
    });
  }

  async #renewAndMark(): Promise<void> {
    // Before the mark: a run that had been silent for a while, as after a stall, would count as interrupted at once, beside this
    // process.
    const { lostOwnership } = await this.options.runs.renewHeartbeats();
    try {
      await markOwnedRuns(this.options);
    } finally {
      // What a warning fails at is in the backend's log, and the marks are made.
      await reportLostOwnership(lostOwnership, this.options).catch(() => {});
    }
  }
}
