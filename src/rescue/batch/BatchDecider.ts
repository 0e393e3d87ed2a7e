import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../../config';
import { deferInterruptedTasks } from '../../database/operations/interrupted/deferral/deferInterruptedTasks';
import { DeadProcesses } from '../../database/operations/interrupted/interrupted';
import { lockInterruptedTasks } from '../../database/operations/interrupted/lockInterruptedTasks';
import { readStepEvents } from '../../database/operations/taskEvents/readStepEvents';
import { shortTransaction } from '../../database/dialect/shortTransaction';
import { BatchErrors } from './partialFailure/BatchErrors';
import { batchOrEach } from './partialFailure/batchOrEach';
import {
  DecidedTask,
  isClosed,
  WrittenDecision,
} from '../../record/decidedTask';
import { writeDecisions } from './writeDecisions';
import { decideOnRow } from '../../record/decideOnRow';
import { Decision, FinalDecision } from '../../decision/decision';
import { Requeuer } from '../requeue/Requeuer';
import { readHistory } from '../../decision/plan/history';
import { FinalAttempts } from '../FinalAttempts';
import { formatDuration } from '../../util/durations';
import { decisionLine } from '../../decision/messages/logLines';
import { RecoveryListener } from '../../record/RecoveryListener';
import { ProcessRegistration } from '../../liveness/processes/ProcessRegistration';
import { Settling } from '../../liveness/Settling';
import { publishTaskEvent } from '../../scaffolder/taskEvents';
import { RunFolders } from '../../workspace/folders/RunFolders';

/** How many tasks had which decision, and for how many it failed. */
export type DecisionCounts = Record<Decision['kind'] | 'error', number>;

/** A task that could not be decided on is deferred this long before the scaffolder's own recovery would take it. */
export const DEFER_MARGIN_SECONDS = 15;

/** An error that is logged once scrolls away. There may be one for each of many tasks. */
const LOG_AGAIN_MS = 10 * 60_000;

/** Decides on interrupted tasks, a batch in one transaction. */
export class BatchDecider {
  /** What was logged of tasks that could not be decided on, and when. */
  readonly #logged = new Map<string, Map<string, number>>();
  readonly #decideErrors: BatchErrors;
  readonly #deferErrors: BatchErrors;

  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      folders: RunFolders;
      settling: Settling;
      registration: Pick<ProcessRegistration, 'findDead'>;
      events: EventsService;
      requeuer: Pick<Requeuer, 'plan'>;
      finalAttempts: Pick<FinalAttempts, 'whoWaits'>;
      listener: Pick<RecoveryListener, 'decided' | 'undecided'>;
      logger: LoggerService;
    },
  ) {
    const { logger } = options;
    this.#decideErrors = new BatchErrors('decide on tasks', logger);
    this.#deferErrors = new BatchErrors('defer tasks', logger);
  }

  /**
   * Decides on those of the tasks that are still interrupted. One that fails is logged, and counted as an error.
   *
   * @param options.isStarting - whether the workers of this process have not started yet
   * @param options.isDeathKnown - whether dead processes are known, of which some of the tasks may be. Asked again in the transaction: one
   *   that lost its lock for a moment may have it again.
   * @param options.counts - to which the decisions are added
   */
  async decideOn(
    taskIds: string[],
    options: {
      isStarting: boolean;
      isDeathKnown: boolean;
      counts: DecisionCounts;
    },
  ): Promise<void> {
    const { knex, settling, listener } = this.options;
    const { counts } = options;
    const failed: string[] = [];
    const isToGoOn = () => settling.isSettled();
    await batchOrEach(
      taskIds,
      async ids => {
        const { undecided, written } = await shortTransaction(knex, tx =>
          this.#recover(tx, ids, options),
        );
        ids.forEach(id => this.#logged.delete(id));
        counts.later += undecided.length;
        for (const task of written) {
          counts[task.decision.kind] += 1;
          this.#report(task);
        }
      },
      {
        isToGoOn,
        onError: (taskId, error) => {
          this.#log(taskId, error);
          listener.undecided(taskId, error);
          failed.push(taskId);
        },
        batchErrors: this.#decideErrors,
      },
    );
    counts.error += failed.length;
    await batchOrEach(
      failed,
      ids => shortTransaction(knex, tx => this.#defer(tx, ids)),
      {
        isToGoOn,
        onError: (taskId, error) => this.#log(taskId, error),
        batchErrors: this.#deferErrors,
      },
    );
  }

  /** Not in each pass, and again as long as it lasts. */
  #log(taskId: string, error: Error): void {
    const logged = this.#logged.get(taskId) ?? new Map<string, number>();
    const now = performance.now();
    if (now - (logged.get(error.message) ?? -Infinity) >= LOG_AGAIN_MS) {
      this.#logged.set(taskId, logged.set(error.message, now));
      this.options.logger.error(
        `Task ${taskId} could not be decided on; it is tried again until it works`,
        error,
      );
    }
  }

  async #recover(
    tx: Knex.Transaction,
    taskIds: string[],
    options: { isStarting: boolean; isDeathKnown: boolean },
  ): Promise<{ undecided: string[]; written: WrittenDecision[] }> {
    const { config, requeuer, registration, finalAttempts } = this.options;
    const deadProcesses = options.isDeathKnown
      ? await registration.findDead(tx)
      : undefined;
    const { undecided, decided } = await this.#decide(
      tx,
      taskIds,
      deadProcesses,
    );
    const waiting = await finalAttempts.whoWaits(tx, decided);
    undecided.push(...waiting);
    const due = decided.filter(({ task }) => !waiting.has(task.id));
    const toRunAgain = due.filter(({ decision }) => !isClosed(decision));
    const written = await writeDecisions(tx, {
      decided: due,
      requeue: requeuer.plan(
        toRunAgain.map(({ task }) => task.id),
        options.isStarting,
      ),
      config,
      deadProcesses,
    });
    for (const { task, decision } of written) {
      this.#takeFolderAway(task.id, decision);
    }
    await this.#defer(tx, undecided);
    return { undecided, written };
  }

  /**
   * The specs end here, each as soon as it was read. With specs of 100 KB, kept until all is decided they take a third more memory, and
   * kept until all is written twice as much.
   */
  async #decide(
    tx: Knex.Transaction,
    taskIds: string[],
    deadProcesses: DeadProcesses | undefined,
  ): Promise<{ undecided: string[]; decided: DecidedTask[] }> {
    const { config, settling } = this.options;
    const undecided: string[] = [];
    const decided: DecidedTask[] = [];
    const rows = await lockInterruptedTasks(tx, {
      ...config,
      taskIds,
      deadProcesses,
    });
    // Asked only now: whoever is alive cannot beat from here on, and what was read is what is decided on.
    if (!settling.isSettled()) {
      return { undecided, decided };
    }
    const events = await readStepEvents(
      tx,
      rows.map(({ id }) => id),
    );
    for (let row = rows.shift(); row; row = rows.shift()) {
      const { decision, strategy } = decideOnRow(row, {
        history: readHistory(events.get(row.id), config.snapshots?.readable),
        config,
      });
      const { spec, ...task } = row;
      if (decision.kind === 'later') {
        undecided.push(task.id);
      } else {
        decided.push({ task, decision, strategy });
      }
    }
    return { undecided, decided };
  }

  /**
   * The scaffolder's own recovery takes every task that was silent for its `staleTimeout`, such as those of a backend
   * that was down overnight, whatever their strategy. One that could not be decided on must not be among them.
   */
  async #defer(tx: Knex.Transaction, taskIds: string[]): Promise<void> {
    const { config, logger } = this.options;
    const silentSeconds = config.staleTimeoutSeconds - DEFER_MARGIN_SECONDS;
    const options = { ...config, taskIds, silentSeconds };
    for (const taskId of await deferInterruptedTasks(tx, options)) {
      logger.warn(
        `Task ${taskId} is interrupted and could not be decided on for ${formatDuration(
          silentSeconds,
        )}; deferred, so that the scaffolder's own recovery does not take it; its silence is counted anew`,
      );
    }
  }

  /** A task that goes on must not run on what is left; for one that has ended it only takes room. */
  #takeFolderAway(taskId: string, decision: FinalDecision): void {
    const { folders, logger } = this.options;
    try {
      folders.takeAway(taskId);
    } catch (error) {
      if (!isClosed(decision)) {
        throw error;
      }
      logger.warn(
        `Task ${taskId} was closed and its workspace could not be removed: ${error}`,
      );
    }
  }

  #report(written: WrittenDecision): void {
    const { task, decision, strategy, publish } = written;
    this.options.logger.info(
      decisionLine({
        taskId: task.id,
        decision,
        strategy,
        silence: task,
        signInExpiredAt: task.signInExpiredAt,
      }),
    );
    if (publish) {
      publishTaskEvent(this.options, publish);
    }
    this.options.listener.decided(written);
  }
}
