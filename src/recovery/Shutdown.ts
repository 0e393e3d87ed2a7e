import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { markShutdown } from '../database/operations/markShutdown';
import { claimedTask, SentStatement } from './claimedTask';
import { LiveRuns } from './LiveRuns';
import { safeError } from './safeError';
import { tellTakenOver } from './tellTakenOver';
import { Workspaces } from './Workspaces';

/** A database that is slow must not keep the process from ending. */
const MARK_MS = 3_000;

const VOUCH_MS = 1_000;

/**
 * What a process does about the tasks that it runs when it is asked to end, as it is for each deployment. It marks them, so
 * that nobody waits for `recoverTasksTimeout` to recover them, and vouches for them until its end.
 *
 * It goes on to claim tasks until the scaffolder stops its workers, when the shutdown hooks of all plugins are through. No event tells
 * of those: the events service refuses events by then (`DefaultEventsService` of @backstage/plugin-events-node 0.4.26). They are seen
 * from the statements that the process sends.
 */
export class Shutdown {
  #hasBegun = false;

  constructor(
    private readonly options: {
      knex: Knex;
      runs: LiveRuns;
      workspaces: Workspaces;
      /** Ends the process; only given if it shall end when a run was taken over. */
      exit?: () => void;
      logger: LoggerService;
    },
  ) {}

  /** To be called in a shutdown hook of the plugin, in which the tasks still run. */
  async begin(): Promise<void> {
    const { runs, logger } = this.options;
    // Before anything is waited for: from here on the events service refuses events.
    this.#hasBegun = true;
    const taskIds = runs.begun();
    if (taskIds.length > 0) {
      logger.info(
        `Shutting down; these tasks run here, and are recovered if they do not end: ${taskIds.join(
          ', ',
        )}`,
      );
      await this.#vouchAndMarkInTime();
    }
    this.#goOnUntilTheEnd();
  }

  /**
   * To be called with each statement of this process that the scaffolder's database has answered, before anything is done with the
   * answer.
   *
   * @param answer - of a claim 1, and 0 if another process was first
   */
  answered(statement: SentStatement, answer: unknown): void {
    const isToBeSeen = this.#hasBegun && answer === 1;
    const taskId = isToBeSeen ? claimedTask(statement) : undefined;
    if (taskId === undefined) {
      return;
    }
    const { runs, workspaces, logger } = this.options;
    void runs.claimed(taskId);
    try {
      workspaces.claimed(taskId);
    } catch (error) {
      logger.error(
        `Could not remove what an interrupted run of task ${taskId} left`,
        safeError(error),
      );
    }
  }

  async #vouchAndMarkInTime(): Promise<void> {
    const giveUp = async () => {
      await sleep(MARK_MS, undefined, { ref: false });
      throw new Error(`The database did not answer within ${MARK_MS} ms`);
    };
    try {
      await Promise.race([this.#vouchAndMark(), giveUp()]);
    } catch (error) {
      this.options.logger.error(
        'Could not record that tasks are interrupted by a shutdown, trying again until this process ends; otherwise they are recovered after scaffolder.recoverTasksTimeout',
        safeError(error),
      );
    }
  }

  /**
   * A process may live on for long after the root's shutdown hooks have stopped the scheduler, and its runs with it: with
   * `EXPERIMENTAL_gracefulShutdown` until they have ended, in production until all open requests have, such as that of a browser that
   * shows a task. Marked as they are, a heartbeat that fails would cost them their tasks soon.
   */
  #goOnUntilTheEnd(): void {
    const timer = setInterval(() => {
      // What a failure says has been said, and what else could be done about it is over.
      this.#vouchAndMark().catch(() => {});
    }, VOUCH_MS);
    timer.unref();
  }

  async #vouchAndMark(): Promise<void> {
    const { knex, runs } = this.options;
    // Before the mark: a run that had been silent for a while, as after a stall, would count as interrupted at once, beside this
    // process. In chaos one was decided on 47 ms before its process ended.
    const { takenOver } = await runs.vouch();
    try {
      const taskIds = runs.begun();
      if (taskIds.length > 0) {
        await markShutdown(knex, await runs.marks(taskIds));
      }
    } finally {
      // What a warning fails at is in the backend's log, and the marks are made.
      await tellTakenOver(takenOver, this.options).catch(() => {});
    }
  }
}
