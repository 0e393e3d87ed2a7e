import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../config';
import { holdInterruptedTasks } from '../database/operations/holdInterruptedTasks';
import { listLastChances } from '../database/operations/listLastChances';
import { lockInterruptedTasks } from '../database/operations/lockInterruptedTasks';
import { readStepEvents } from '../database/operations/readStepEvents';
import { withoutJit } from '../database/withoutJit';
import { batchOrEach } from './batchOrEach';
import { CarriedOut, carryOut, DecidedTask, Requeue } from './carryOut';
import { decideOnRow } from './decideOnRow';
import { Decision, FinalDecision } from './decision';
import { HandOvers } from './HandOvers';
import { readHistory } from './history';
import { decisionLine, formatSilence, waitingLine } from './messages';
import { RecoveryListener } from './RecoveryListener';
import { Steadiness } from './Steadiness';
import { publishTaskEvent } from './taskEvents';
import { Workspaces } from './Workspaces';

/** How many tasks had which decision, and for how many it failed. */
export type DecisionCounts = Record<Decision['kind'] | 'error', number>;

/** A task that could not be decided on is held back this long before the scaffolder's own recovery would take it. */
const HOLD_MARGIN_SECONDS = 15;

/**
 * For so long nobody else gets a last chance, unless the task that has it ends or gets further. Longer than most steps take:
 * a task that is still in its step would be interrupted by the next one if that ends the backend.
 */
const LAST_CHANCE_SECONDS = 300;

/**
 * A last chance is over once its run has missed so many heartbeats: a live one is vouched for before. Until the task counts as
 * interrupted, all others would wait for as long again as it took to find them interrupted.
 */
const LAST_CHANCE_SILENT_SECONDS = 5;

/** Decides on interrupted tasks, a batch in one transaction. */
export class BatchDecider {
  /** Those that wait while another task has its last chance, and how often they were decided on before. */
  readonly #waiting = new Map<string, number>();

  /** What was logged of tasks that could not be decided on: said once, not in each pass. */
  readonly #said = new Map<string, Set<string>>();

  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      workspaces: Workspaces;
      steadiness: Steadiness;
      events: EventsService;
      handOvers: Pick<HandOvers, 'delays'>;
      listener: Pick<RecoveryListener, 'decided' | 'undecided'>;
      logger: LoggerService;
    },
  ) {}

  /** Decides on those of the tasks that are still interrupted. One that fails is logged, and counted as an error. */
  async decideOn(
    taskIds: string[],
    requeue: Requeue,
    counts: DecisionCounts,
  ): Promise<void> {
    const { knex, steadiness, listener } = this.options;
    const failed: string[] = [];
    const isToGoOn = () => steadiness.isSteady();
    await batchOrEach(
      taskIds,
      async ids => {
        const { undecided, carriedOut } = await withoutJit(knex, tx =>
          this.#recover(tx, ids, requeue),
        );
        ids.forEach(id => this.#said.delete(id));
        counts.later += undecided.length;
        for (const task of carriedOut) {
          counts[task.decision.kind] += 1;
          this.#tell(task);
        }
      },
      {
        isToGoOn,
        onError: (taskId, error) => {
          this.#sayOnce(taskId, error);
          listener.undecided(taskId, error);
          failed.push(taskId);
        },
      },
    );
    counts.error += failed.length;
    await batchOrEach(
      failed,
      ids => withoutJit(knex, tx => this.#hold(tx, ids)),
      {
        isToGoOn,
        onError: (taskId, error) => this.#sayOnce(taskId, error),
      },
    );
  }

  #sayOnce(taskId: string, error: Error): void {
    const said = this.#said.get(taskId) ?? new Set();
    if (!said.has(error.message)) {
      this.#said.set(taskId, said.add(error.message));
      this.options.logger.error(
        `Could not recover task ${taskId}, trying again until it works`,
        error,
      );
    }
  }

  async #recover(
    tx: Knex.Transaction,
    taskIds: string[],
    requeue: Requeue,
  ): Promise<{ undecided: string[]; carriedOut: CarriedOut[] }> {
    const { undecided, decided } = await this.#decide(tx, taskIds);
    const waiting = await this.#waitForLastChance(tx, decided);
    undecided.push(...waiting);
    const carriedOut = await carryOut(tx, {
      decided: decided.filter(({ task }) => !waiting.includes(task.id)),
      requeue,
      config: this.options.config,
      delays: ids => this.options.handOvers.delays(ids),
    });
    for (const { task, decision } of carriedOut) {
      this.#takeWorkspaceAway(task.id, decision);
    }
    await this.#hold(tx, undecided);
    return { undecided, carriedOut };
  }

  /**
   * The specs end here, each as soon as it was read. With specs of 100 KB, kept until all is decided they take a third more memory, and
   * kept until all is written twice as much.
   */
  async #decide(
    tx: Knex.Transaction,
    taskIds: string[],
  ): Promise<{ undecided: string[]; decided: DecidedTask[] }> {
    const { config, steadiness } = this.options;
    const { timeoutSeconds, maxAttempts } = config;
    const undecided: string[] = [];
    const decided: DecidedTask[] = [];
    const rows = await lockInterruptedTasks(tx, { taskIds, timeoutSeconds });
    // Asked only now: whoever is alive cannot beat from here on, and what was read is what is decided on.
    if (!steadiness.isSteady()) {
      return { undecided, decided };
    }
    const events = await readStepEvents(
      tx,
      rows.map(({ id }) => id),
    );
    for (let row = rows.shift(); row; row = rows.shift()) {
      const { decision, strategy } = decideOnRow(row, {
        history: readHistory(events.get(row.id)),
        maxAttempts,
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
   * A task that kills the backend interrupts all others as well, so that they run out of attempts together. That is why the
   * last chance is given to one task at a time, and meanwhile no other task is recovered that got no further either: the one
   * that kills the backend, whatever its limit, does it alone.
   *
   * @returns those that have to wait.
   */
  async #waitForLastChance(
    tx: Knex.Transaction,
    decided: DecidedTask[],
  ): Promise<string[]> {
    const suspects = decided.flatMap(({ task, decision }) =>
      'attempt' in decision && decision.attempt.isSuspect
        ? [
            {
              id: task.id,
              isLastChance: decision.attempt.isLastChance,
              attempts: task.last?.attempt ?? 0,
            },
          ]
        : [],
    );
    if (suspects.length === 0) {
      return [];
    }
    const isTaken = await this.#isLastChanceTaken(tx);
    const next = suspects.find(s => s.isLastChance);
    const waiting =
      isTaken || next ? suspects.filter(s => isTaken || s !== next) : [];
    // Said once for each interruption, also if another process decided on the one before.
    for (const { id, attempts } of waiting) {
      if (this.#waiting.get(id) !== attempts) {
        this.options.logger.info(waitingLine(id));
      }
    }
    suspects.forEach(({ id }) => this.#waiting.delete(id));
    waiting.forEach(({ id, attempts }) => this.#waiting.set(id, attempts));
    return waiting.map(({ id }) => id);
  }

  /** Whether some task has its last chance, and has neither ended, nor got further, nor fallen silent since. */
  async #isLastChanceTaken(tx: Knex.Transaction): Promise<boolean> {
    const given = await listLastChances(tx, {
      seconds: LAST_CHANCE_SECONDS,
      silentSeconds: LAST_CHANCE_SILENT_SECONDS,
    });
    const events = await readStepEvents(
      tx,
      given.map(({ taskId }) => taskId),
    );
    return given.some(
      ({ taskId, finishedSteps }) =>
        readHistory(events.get(taskId)).finishedSteps.size <= finishedSteps,
    );
  }

  /**
   * The scaffolder's own recovery takes every task that was silent for its `staleTimeout`, such as those of a backend
   * that was down overnight, whatever their strategy. One that could not be decided on must not be among them.
   */
  async #hold(tx: Knex.Transaction, taskIds: string[]): Promise<void> {
    const { config, logger } = this.options;
    const { timeoutSeconds, staleTimeoutSeconds } = config;
    const silentSeconds = staleTimeoutSeconds - HOLD_MARGIN_SECONDS;
    const options = { taskIds, timeoutSeconds, silentSeconds };
    for (const taskId of await holdInterruptedTasks(tx, options)) {
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

  #tell(carriedOut: CarriedOut): void {
    const { task, decision, strategy, publish } = carriedOut;
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
    this.options.listener.decided(carriedOut);
  }
}
