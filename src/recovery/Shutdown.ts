import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { markShutdown } from '../database/operations/markShutdown';
import { LiveRuns } from './LiveRuns';
import { safeError } from './safeError';

/** A database that is slow must not keep the process from ending. */
const MARK_MS = 3_000;

const VOUCH_MS = 1_000;

/**
 * What a process does about the tasks that it runs when it is asked to end, as it is for each deployment. It marks them, so
 * that nobody waits for `recoverTasksTimeout` to recover them.
 *
 * What it claims from then on, until the scaffolder stops its workers a moment later, it does not get to know: the events
 * service refuses events by then (`DefaultEventsService` of @backstage/plugin-events-node 0.4.26). Those tasks count as
 * interrupted after the timeout.
 */
export class Shutdown {
  constructor(
    private readonly options: {
      knex: Knex;
      runs: LiveRuns;
      logger: LoggerService;
    },
  ) {}

  /** To be called in a shutdown hook of the plugin, in which the tasks still run. */
  async mark(): Promise<void> {
    const { knex, runs, logger } = this.options;
    const taskIds = runs.begun();
    if (taskIds.length === 0) {
      return;
    }
    logger.info(
      `Shutting down; these tasks run here, and are recovered if they do not end: ${taskIds.join(
        ', ',
      )}`,
    );
    const mark = async () => {
      // Before the mark: a run that had been silent for a while, as after a stall, would count as interrupted at once, beside this
      // process. In chaos one was decided on 47 ms before its process ended.
      const { takenOver } = await runs.vouch();
      for (const { taskId, message } of takenOver) {
        logger.error(`Task ${taskId}: ${message}`);
      }
      await markShutdown(knex, await runs.marks(taskIds));
      // What fails here is in the backend's log already, and the marks are made.
      await Promise.all(takenOver.map(t => runs.warn(t).catch(() => {})));
    };
    const giveUp = async () => {
      await sleep(MARK_MS, undefined, { ref: false });
      throw new Error(`The database did not answer within ${MARK_MS} ms`);
    };
    try {
      await Promise.race([mark(), giveUp()]);
    } catch (error) {
      logger.error(
        'Could not record that tasks are interrupted by a shutdown; they are recovered after scaffolder.recoverTasksTimeout',
        safeError(error),
      );
    }
  }

  /**
   * To be called in a shutdown hook of the root, which stops the scheduler. A process may live on for long after that, with
   * its runs: with `EXPERIMENTAL_gracefulShutdown` until they have ended, in production until all open requests have, such as
   * that of a browser that shows a task. Marked as they are, a heartbeat that fails would cost them their tasks soon.
   */
  vouchUntilTheEnd(): void {
    const { runs } = this.options;
    const timer = setInterval(() => {
      // What a failure says has been said, and what else could be done about it is over.
      runs.vouch().catch(() => {});
    }, VOUCH_MS);
    timer.unref();
  }
}
