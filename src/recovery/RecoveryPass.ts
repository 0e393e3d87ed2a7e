import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../config';
import { appendTaskEvents } from '../database/operations/appendTaskEvents';
import { clearUnneededSecrets } from '../database/operations/clearUnneededSecrets';
import { handOverWaitingTask } from '../database/operations/handOverWaitingTask';
import { holdInterruptedTask } from '../database/operations/holdInterruptedTask';
import { listHandedOverTasks } from '../database/operations/listHandedOverTasks';
import { listInterruptedTasks } from '../database/operations/listInterruptedTasks';
import { lockInterruptedTask } from '../database/operations/lockInterruptedTask';
import { openHandedOverTask } from '../database/operations/openHandedOverTask';
import { eachTaskId } from '../database/operations/pageOfTaskIds';
import { readStepEvents } from '../database/operations/readStepEvents';
import {
  carryOut,
  recoveredEvent,
  recoveredPayload,
  Requeue,
  TaskEventPayload,
} from './carryOut';
import { decide, Decision, FinalDecision } from './decision';
import { readHistory } from './history';
import { decisionLine, formatSilence } from './messages';
import { LiveRuns } from './LiveRuns';
import { safeError } from './safeError';
import { Steadiness } from './Steadiness';
import { TaskStrategy } from './strategy';
import { isReadable, templateRefOf } from './taskRecord';
import { WorkspaceCleaner } from './WorkspaceCleaner';
import { Workspaces } from './Workspaces';

/** How many tasks had which decision, and for how many it failed. */
export type PassCounts = Record<Decision['kind'] | 'error', number>;

/** A task that could not be decided on is held back this long before the scaffolder's own recovery would take it. */
const HOLD_MARGIN_SECONDS = 15;

/** An open task that nobody has claimed for this long waits for a worker that sleeps. */
const WAITING_SECONDS = 15;

/** One wake-up in this time, in the whole cluster. */
const WAKEUP_INTERVAL_SECONDS = 30;

/** Finds interrupted tasks, and decides on each of them once, in a transaction of its own. */
export class RecoveryPass {
  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      workspaces: Workspaces;
      cleaner: WorkspaceCleaner;
      runs: LiveRuns;
      steadiness: Steadiness;
      events: EventsService;
      logger: LoggerService;
    },
  ) {}

  /**
   * One pass over all interrupted tasks. A task that cannot be decided on is logged and keeps no other from it.
   *
   * Decides nothing, or nothing more, while this process cannot trust what the heartbeats say.
   */
  async runOnce(requeue: Requeue = 'handOver'): Promise<PassCounts> {
    const { knex, config, runs, steadiness, cleaner } = this.options;
    const counts: PassCounts = {
      cancelled: 0,
      failed: 0,
      finish: 0,
      restart: 0,
      resume: 0,
      later: 0,
      error: 0,
    };
    for await (const taskId of eachTaskId(page =>
      listInterruptedTasks(knex, config.timeoutSeconds, page),
    )) {
      if (!steadiness.isSteady()) {
        break;
      }
      if (runs.isAlive(taskId)) {
        continue;
      }
      const kind = await this.#guarded(taskId, () =>
        this.#decideOn(taskId, requeue),
      );
      if (kind) {
        counts[kind] += 1;
      }
      if (kind === 'later' || kind === 'error') {
        await this.#guarded(taskId, () => this.#hold(taskId));
      }
    }
    await clearUnneededSecrets(knex, config.timeoutSeconds);
    await cleaner.cleanOnce();
    return counts;
  }

  /**
   * What is to be done before this process runs tasks: it opens all that is to run again, since its own workers look for
   * open tasks when they start.
   */
  async runAtStartup(): Promise<PassCounts> {
    const { knex, config, steadiness } = this.options;
    // Without workers an open task would stay there until a worker elsewhere happens to look.
    const counts = await this.runOnce(config.hasWorkers ? 'open' : 'handOver');
    if (config.hasWorkers) {
      for await (const taskId of eachTaskId(page =>
        listHandedOverTasks(knex, config.timeoutSeconds, page),
      )) {
        if (!steadiness.isSteady()) {
          break;
        }
        await this.#guarded(taskId, () => this.#openHandedOver(taskId));
      }
    }
    return counts;
  }

  /** Wakes a worker for the oldest open task that nobody has claimed, if there is one. */
  async wakeWorker(): Promise<void> {
    const { knex, config, steadiness, logger } = this.options;
    if (!steadiness.isSteady()) {
      return;
    }
    const taskId = await handOverWaitingTask(knex, {
      waitingSeconds: WAITING_SECONDS,
      intervalSeconds: WAKEUP_INTERVAL_SECONDS,
      staleTimeoutSeconds: config.staleTimeoutSeconds,
      isReadable: task => isReadable(task.spec, task.state),
    });
    if (taskId) {
      logger.info(
        `Task ${taskId} was open for at least ${WAITING_SECONDS} s and nobody claimed it; waking a worker for it`,
      );
    }
  }

  async #decideOn(
    taskId: string,
    requeue: Requeue,
  ): Promise<Decision['kind'] | undefined> {
    const { knex, config, logger } = this.options;
    const { timeoutSeconds } = config;

    const result = await knex.transaction(async tx => {
      const task = await lockInterruptedTask(tx, { taskId, timeoutSeconds });
      if (!task) {
        return undefined;
      }
      const strategy = task.remembered as TaskStrategy | undefined;
      const decision = decide({
        spec: task.spec,
        state: task.state,
        secretsReadable: task.secretsReadable,
        hasHeartbeat: task.last_heartbeat_at !== null,
        history: readHistory(await readStepEvents(tx, taskId)),
        strategy,
      });
      if (decision.kind === 'later') {
        return { kind: decision.kind };
      }
      const carriedOut = await carryOut(tx, {
        task,
        decision,
        strategy,
        requeue,
        config,
      });
      if (!carriedOut) {
        return undefined;
      }
      this.#takeWorkspaceAway(taskId, decision);
      const line = decisionLine({
        taskId,
        templateRef: templateRefOf(task.spec),
        decision,
        strategy,
        secondsSilent: task.secondsSilent,
      });
      return { kind: decision.kind, line, publish: carriedOut.publish };
    });

    if (result?.line) {
      logger.info(result.line);
      this.#publish(result.publish);
    }
    return result?.kind;
  }

  /**
   * The scaffolder's own recovery takes every task that was silent for its `staleTimeout`, such as those of a backend
   * that was down overnight, whatever their strategy. One that could not be decided on must not be among them.
   */
  async #hold(taskId: string): Promise<void> {
    const { knex, config, logger } = this.options;
    const { timeoutSeconds, staleTimeoutSeconds } = config;
    const silentSeconds = staleTimeoutSeconds - HOLD_MARGIN_SECONDS;
    const options = { taskId, timeoutSeconds, silentSeconds };
    if (await holdInterruptedTask(knex, options)) {
      logger.warn(
        `Task ${taskId} is interrupted and could not be decided on for ${formatSilence(
          silentSeconds,
        )}; holding it back from the scaffolder's own recovery, and counting its silence anew`,
      );
    }
  }

  /** A task that goes on must not run on what is left; for one that has ended it only takes room. */
  #takeWorkspaceAway(taskId: string, { kind }: FinalDecision): void {
    const { workspaces, logger } = this.options;
    try {
      workspaces.takeAway(taskId);
    } catch (error) {
      if (kind !== 'failed' && kind !== 'cancelled') {
        throw error;
      }
      logger.warn(`Could not remove the workspace of task ${taskId}, ${error}`);
    }
  }

  async #openHandedOver(taskId: string): Promise<void> {
    const { knex, config, workspaces, logger } = this.options;
    const { timeoutSeconds } = config;
    const publish = await knex.transaction(async tx => {
      const attempt = await openHandedOverTask(tx, { taskId, timeoutSeconds });
      if (!attempt) {
        return undefined;
      }
      workspaces.takeAway(taskId);
      const event = recoveredEvent(attempt.strategy ?? undefined);
      const [eventId] = await appendTaskEvents(tx, taskId, [event]);
      return recoveredPayload(taskId, eventId, event);
    });
    if (publish) {
      logger.info(
        `Task ${taskId} had been handed over to be run again and nobody had claimed it; opened for this process`,
      );
      this.#publish(publish);
    }
  }

  /** Does something with a task and goes on if it fails: one bad task must not strand the others. */
  async #guarded<T>(
    taskId: string,
    action: () => Promise<T>,
  ): Promise<T | 'error'> {
    try {
      return await action();
    } catch (error) {
      this.options.logger.error(
        `Could not recover task ${taskId}, trying again later`,
        safeError(error),
      );
      return 'error';
    }
  }

  #publish(eventPayload: TaskEventPayload | undefined): void {
    if (eventPayload) {
      // Only after the commit, and without waiting: who listens must not delay or fail a recovery.
      this.options.events
        .publish({ topic: 'scaffolder.task', eventPayload })
        .catch(error =>
          this.options.logger.warn(`Could not publish a task event, ${error}`),
        );
    }
  }
}
