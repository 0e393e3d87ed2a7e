import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../../config';
import { appendPublishedTaskEvents } from '../../database/operations/taskEvents/appendTaskEvents';
import { batchesOf } from '../../database/operations/tasks/paging/pages';
import { listHandedOverTasks } from '../../database/operations/waiting/listHandedOverTasks';
import { nudgeWorker } from '../../database/operations/waiting/nudgeWorker';
import { openHandedOverTasks } from '../../database/operations/waiting/openHandedOverTasks';
import { shortTransaction } from '../../database/dialect/shortTransaction';
import { OwnedRuns } from '../../liveness/ownership/OwnedRuns';
import { ScaffolderPoll } from '../../scaffolder/statements/ScaffolderPoll';
import {
  publishTaskEvent,
  recoveredEvent,
  recoveredPayload,
} from '../../scaffolder/taskEvents';
import { isReadable } from '../../scaffolder/taskRecord';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { BatchErrors } from '../batch/partialFailure/BatchErrors';
import { batchOrEach } from '../batch/partialFailure/batchOrEach';
import { pollDelays } from './pollDelays';
import { RequeuePlan } from './requeuePlan';

/** An open task that nobody has claimed for this long waits for a worker that sleeps. */
export const WAITING_SECONDS = 15;

/** One nudge in this time, in the whole cluster. */
export const NUDGE_INTERVAL_SECONDS = 30;

/** A process lets a task be opened this much before its own next poll, whose time is not known to the millisecond. */
const POLL_MARGIN_SECONDS = 0.2;

/** Gets tasks to run again, and workers to see them. */
export class Requeuer {
  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      folders: RunFolders;
      runs: OwnedRuns;
      poll: ScaffolderPoll;
      events: EventsService;
      logger: LoggerService;
    },
  ) {}

  /**
   * How tasks that are to run again are re-queued.
   *
   * @param isStarting - whether the workers of this process have not started yet
   */
  plan(taskIds: string[], isStarting: boolean): RequeuePlan {
    // Without workers an open task would stay there until a worker elsewhere happens to poll.
    if (isStarting && this.#hasWorkers) {
      return { open: taskIds, handOver: new Map() };
    }
    const delays = pollDelays(taskIds, {
      freeSlots: this.#freeSlots(),
      secondsUntilPoll: this.#secondsUntilPoll(),
    });
    return { open: [], handOver: delays };
  }

  /**
   * Opens all tasks that were handed over and not claimed, for the workers of this process, which start after this and then look for
   * open tasks.
   */
  async openHandedOver(isToGoOn: () => boolean): Promise<void> {
    if (!this.#hasWorkers) {
      return;
    }
    const { knex, config, logger } = this.options;
    const batchErrors = new BatchErrors('open tasks', logger);
    for await (const batch of batchesOf(page =>
      listHandedOverTasks(knex, config, page),
    )) {
      await batchOrEach(batch, ids => this.#open(ids), {
        isToGoOn,
        onError: (taskId, error) =>
          logger.error(
            `Task ${taskId} could not be opened, and is left to other replicas`,
            error,
          ),
        batchErrors,
      });
    }
  }

  /**
   * Wakes the worker of this process for the oldest open task that nobody has claimed, if there is one and the worker has a free slot.
   * The task can be opened from just before this process polls. At any other time another one would open it, whose worker may have no
   * free slot, and since all poll every ten seconds it would be the same one each time.
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
      delaySeconds: () => this.#secondsUntilPoll(),
      isReadable: task => isReadable(task.spec, task.state),
    });
    if (taskId) {
      logger.info(
        `Task ${taskId} was open for at least ${WAITING_SECONDS} s and nobody claimed it; it is handed over to nudge a worker`,
      );
    }
  }

  get #hasWorkers(): boolean {
    return this.options.config.concurrentTasks > 0;
  }

  #freeSlots(): number {
    const { runs, config } = this.options;
    return Math.max(config.concurrentTasks - runs.countAlive(), 0);
  }

  #secondsUntilPoll(): number {
    const seconds = this.options.poll.secondsUntilNext() ?? 0;
    return Math.max(seconds - POLL_MARGIN_SECONDS, 0);
  }

  async #open(taskIds: string[]): Promise<void> {
    const { knex, config, folders, logger } = this.options;
    const { events, eventIds } = await shortTransaction(knex, async tx => {
      const opened = await openHandedOverTasks(tx, { ...config, taskIds });
      opened.forEach(({ id }) => folders.takeAway(id));
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
        `Task ${event.taskId} is opened for this process: it was handed over and nobody had claimed it`,
      );
      publishTaskEvent(
        this.options,
        recoveredPayload(eventIds.get(event.taskId)!, event),
      );
    }
  }
}
