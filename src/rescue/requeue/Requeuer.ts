import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../../config';
import { appendPublishedTaskEvents } from '../../database/operations/taskEvents/appendTaskEvents';
import { countOpenTasks } from '../../database/operations/waiting/countOpenTasks';
import { nudgeWorker } from '../../database/operations/waiting/nudgeWorker';
import { listHandedOverTasks } from '../../database/operations/waiting/listHandedOverTasks';
import { openHandedOverTasks } from '../../database/operations/waiting/openHandedOverTasks';
import { batchesOf } from '../../database/operations/tasks/pages';
import { isSqlite } from '../../database/time';
import { withoutJit } from '../../database/withoutJit';
import { BatchErrors } from '../batch/BatchErrors';
import { batchOrEach } from '../batch/batchOrEach';
import { ScaffolderPoll } from '../../scaffolder/statements/ScaffolderPoll';
import { Requeue } from '../batch/carryOut';
import { delaysAtStart, handOverDelays } from './handOverDelays';
import { OwnedRuns } from '../../liveness/OwnedRuns';
import { Settling } from '../../liveness/Settling';
import {
  publishTaskEvent,
  recoveredEvent,
  recoveredPayload,
} from '../../scaffolder/taskEvents';
import { isReadable } from '../../scaffolder/taskRecord';
import { RunFolders } from '../../workspace/folders/RunFolders';

/** An open task that nobody has claimed for this long waits for a worker that sleeps. */
export const WAITING_SECONDS = 15;

/** One wake-up in this time, in the whole cluster. */
export const NUDGE_INTERVAL_SECONDS = 30;

/** So much earlier than its own look a process lets a task be opened. It is not known to the millisecond. */
const LOOK_MARGIN_SECONDS = 0.2;

/** The tasks that wait for the scaffolder's own recovery to open them, which wakes a worker. */
export class Requeuer {
  /** How many are open when the workers of this process start. A batch that fails is counted twice. */
  #openTasks = 0;

  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      workspaces: RunFolders;
      runs: OwnedRuns;
      settling: Settling;
      looks: ScaffolderPoll;
      events: EventsService;
      logger: LoggerService;
    },
  ) {}

  /**
   * After how many seconds each of the tasks may be opened, of those that are to wait. The others are opened at once if this process
   * starts, and may be opened at once otherwise.
   */
  delays(taskIds: string[], requeue: Requeue): Map<string, number> {
    const { knex, config } = this.options;
    if (requeue === 'handOver') {
      return handOverDelays(taskIds, {
        freeSlots: this.#freeSlots(),
        secondsUntilLook: this.#secondsUntilLook(),
      });
    }
    // SQLite has no other process.
    const delays = isSqlite(knex)
      ? new Map<string, number>()
      : delaysAtStart(taskIds, {
          freeSlots: this.#freeSlots() - this.#openTasks,
          concurrentTasks: config.concurrentTasks,
        });
    this.#openTasks += taskIds.length - delays.size;
    return delays;
  }

  /** Opens all of them for the workers of this process, which start after this and look for open tasks. */
  async openAll(): Promise<void> {
    const { knex, config, settling, logger } = this.options;
    const batchErrors = new BatchErrors('open tasks', logger);
    for await (const batch of batchesOf(page =>
      listHandedOverTasks(knex, config, page),
    )) {
      await batchOrEach(batch, ids => this.#open(ids), {
        isToGoOn: () => settling.isSettled(),
        onError: (taskId, error) =>
          logger.error(
            `Could not open task ${taskId}, leaving it to the others`,
            error,
          ),
        batchErrors,
      });
    }
    this.#openTasks = await countOpenTasks(knex);
  }

  /**
   * Wakes the worker of this process for the oldest open task that nobody has claimed, if there is one and the worker has a free slot.
   * The task can be opened from just before this process looks. At any other time another one would, whose worker may have no free
   * slot, and since all look every ten seconds it would be the same one each time.
   */
  async nudgeWorker(): Promise<void> {
    const { knex, config, logger } = this.options;
    if (this.#freeSlots() === 0) {
      return;
    }
    const taskId = await nudgeWorker(knex, {
      waitingSeconds: WAITING_SECONDS,
      intervalSeconds: NUDGE_INTERVAL_SECONDS,
      staleTimeoutSeconds: config.staleTimeoutSeconds,
      delaySeconds: () => this.#secondsUntilLook(),
      isReadable: task => isReadable(task.spec, task.state),
    });
    if (taskId) {
      logger.info(
        `Task ${taskId} was open for at least ${WAITING_SECONDS} s and nobody claimed it; waking a worker for it`,
      );
    }
  }

  #freeSlots(): number {
    const { runs, config } = this.options;
    return Math.max(config.concurrentTasks - runs.countAlive(), 0);
  }

  #secondsUntilLook(): number {
    const seconds = this.options.looks.secondsUntilNext() ?? 0;
    return Math.max(seconds - LOOK_MARGIN_SECONDS, 0);
  }

  async #open(taskIds: string[]): Promise<void> {
    const { knex, config, workspaces, logger } = this.options;
    const { events, eventIds } = await withoutJit(knex, async tx => {
      const opened = await openHandedOverTasks(tx, { ...config, taskIds });
      opened.forEach(({ id }) => workspaces.takeAway(id));
      const recovered = opened.map(({ id, strategy }) =>
        recoveredEvent(id, strategy),
      );
      return {
        events: recovered,
        eventIds: await appendPublishedTaskEvents(tx, recovered),
      };
    });
    for (const event of events) {
      logger.info(
        `Task ${event.taskId} had been handed over to be run again and nobody had claimed it; opened for this process`,
      );
      publishTaskEvent(
        this.options,
        recoveredPayload(eventIds.get(event.taskId)!, event),
      );
    }
  }
}
