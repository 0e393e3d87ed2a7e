import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { secondsSinceServerStart } from '../database/operations/secondsSinceServerStart';
import { DecisionCounts } from './BatchDecider';
import { LiveRuns } from './LiveRuns';
import { Outcomes } from './Outcomes';
import { RecoveryListener } from './RecoveryListener';
import { RecoveryPass } from './RecoveryPass';
import { safeError } from './safeError';
import { SETTLING_SECONDS, Steadiness } from './Steadiness';
import { StrategyMemory } from './StrategyMemory';
import { tellTakenOver } from './tellTakenOver';
import { Workspaces } from './Workspaces';

/** A pass with nothing to do is one question to the database, of less than a millisecond. */
const PASS_FREQUENCY = { seconds: 1 };

const LOOKUP_FREQUENCY = { seconds: 5 };

const ENDED = ['completed', 'failed', 'cancelled'];

/** Runs the passes: at the start of the process and regularly from then on. Ticks and logs; decides nothing. */
export class RecoveryRunner {
  #migrated = false;
  readonly #failing = new Set<string>();

  constructor(
    private readonly options: {
      knex: Knex;
      migrate: () => Promise<void>;
      pass: RecoveryPass;
      memory: StrategyMemory;
      outcomes: Outcomes;
      workspaces: Workspaces;
      runs: LiveRuns;
      steadiness: Steadiness;
      listener: Pick<RecoveryListener, 'passed' | 'vouched'>;
      /** Ends the process; only given if it shall end when a run was taken over. */
      exit?: () => void;
      scheduler: SchedulerService;
      events: EventsService;
      logger: LoggerService;
    },
  ) {}

  /**
   * To be called when the scaffolder's tables exist and its workers have not started: in a startup hook of the plugin.
   * Whatever fails in it, the later passes run.
   */
  async start(): Promise<void> {
    const { pass, memory, outcomes, workspaces, logger } = this.options;
    await this.#subscribe().catch(error =>
      logger.error('Cannot listen to task events', safeError(error)),
    );
    await workspaces
      .suspectExisting()
      .catch(error =>
        logger.error('Cannot look for workspaces', safeError(error)),
      );
    await this.#tick('look at the database', () => this.#lookAtDatabase());
    await this.#schedule('vouch-for-live-runs', { seconds: 1 }, () =>
      this.#tick('check of the live runs', () => this.#vouch()),
    );
    await this.#tick('first recovery pass', () =>
      this.#measured(() => pass.runAtStartup()),
    );
    await this.#schedule('recover-interrupted-tasks', PASS_FREQUENCY, () =>
      this.#tick('recovery pass', () => this.#measured(() => pass.runOnce())),
    );
    // Apart from the passes: a catalog that hangs must not delay what can be decided without it.
    await this.#schedule('remember-strategies', LOOKUP_FREQUENCY, () =>
      this.#tick('look-up of recovery strategies', () =>
        memory.rememberMissing(),
      ),
    );
    await this.#schedule('record-outcomes', LOOKUP_FREQUENCY, () =>
      this.#tick(
        'record of what came of the decisions',
        () => outcomes.recordOnce(),
        // For people to read only: whatever fails in it keeps no task from being recovered.
        { isVital: false },
      ),
    );
  }

  async #measured(pass: () => Promise<DecisionCounts>): Promise<void> {
    const { listener } = this.options;
    const begin = performance.now();
    let interrupted: number | undefined;
    try {
      const counts = await pass();
      interrupted = Object.values(counts).reduce((sum, n) => sum + n, 0);
    } finally {
      const seconds = (performance.now() - begin) / 1000;
      listener.passed({ seconds, interrupted });
    }
  }

  async #schedule(
    id: string,
    frequency: { seconds: number },
    fn: () => Promise<void>,
  ): Promise<void> {
    await this.options.scheduler.scheduleTask({
      id: `scaffolder-recovery:${id}`,
      scope: 'local',
      frequency,
      initialDelay: { seconds: Math.min(frequency.seconds, 2) },
      timeout: { minutes: 5 },
      fn,
    });
  }

  /** After a start of the server itself, the live runs of the others may not have been able to beat yet. */
  async #lookAtDatabase(): Promise<void> {
    const { knex, steadiness } = this.options;
    const upSeconds = await secondsSinceServerStart(knex);
    // Only now: what came before, such as migrations, is no gap between reads.
    steadiness.begin();
    if (upSeconds < SETTLING_SECONDS) {
      steadiness.lost();
    }
  }

  async #vouch(): Promise<void> {
    const { runs, steadiness, listener } = this.options;
    const { vouched, takenOver } = await runs.vouch();
    steadiness.read();
    listener.vouched(vouched);
    await tellTakenOver(takenOver, this.options);
  }

  async #tick(
    what: string,
    action: () => Promise<unknown>,
    { isVital } = { isVital: true },
  ): Promise<void> {
    const { migrate, steadiness, logger } = this.options;
    try {
      if (!this.#migrated) {
        await migrate();
        this.#migrated = true;
      }
      await action();
      this.#failing.delete(what);
    } catch (error) {
      if (isVital) {
        steadiness.lost();
      }
      // Said once for each outage, not every second.
      if (!this.#failing.has(what)) {
        this.#failing.add(what);
        logger.error(
          `The ${what} failed, trying again until it works`,
          safeError(error),
        );
      }
    }
  }

  /** The scaffolder's events are hints: what they miss is found by the passes. */
  async #subscribe(): Promise<void> {
    const { events, memory, outcomes, runs, logger } = this.options;
    await events.subscribe({
      id: 'recovery',
      topics: ['scaffolder.task'],
      onEvent: async ({ eventPayload }) => {
        const { id, status, taskId } = eventPayload as Record<string, unknown>;
        // With a task's id beside it, the id is that of an event, on PostgreSQL a string as well.
        if (typeof id !== 'string' || taskId !== undefined) {
          return;
        }
        // `processing` is left out: it may be another process's claim, see `watchClaims`.
        if (ENDED.includes(String(status))) {
          outcomes.ended();
          await runs
            .ended(id)
            .catch(error =>
              logger.debug(
                `The attempts of task ${id} still count against its limit`,
                error,
              ),
            );
        } else if (status === 'open') {
          await memory
            .remember(id)
            .catch(error =>
              logger.debug(
                `Recovery strategy of task ${id} not known yet`,
                error,
              ),
            );
        }
      },
    });
  }
}
