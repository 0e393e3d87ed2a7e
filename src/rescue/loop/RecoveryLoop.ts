import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { POLL_INTERVAL_SECONDS } from '../../scaffolder/intervals';
import { secondsSinceServerStart } from '../../database/operations/server/secondsSinceServerStart';
import { forgetEndedTasks } from '../../database/operations/tasks/forgetEndedTasks';
import { DecisionCounts } from '../batch/BatchDecider';
import { Blocker } from '../../database/readiness/blockers';
import { ExplainedError } from '../../util/ExplainedError';
import { DatabaseReadiness } from '../../database/readiness/DatabaseReadiness';
import { Deferral } from './Deferral';
import { InFlightIndex } from '../../database/readiness/InFlightIndex';
import { OwnedRuns } from '../../liveness/ownership/OwnedRuns';
import { ProcessRegistration } from '../../liveness/processes/ProcessRegistration';
import { AttemptTracker } from '../../record/AttemptTracker';
import { PollCheck } from '../../scaffolder/check/PollCheck';
import { RecoveryListener } from '../../record/RecoveryListener';
import { RecoveryPass } from '../RecoveryPass';
import { safeError } from '../../util/safeError';
import { SETTLING_SECONDS, Settling } from '../../liveness/Settling';
import { NUDGE_INTERVAL_SECONDS } from '../requeue/Requeuer';
import { StrategyMemory } from '../strategies/StrategyMemory';
import { reportLostOwnership } from '../../liveness/ownership/reportLostOwnership';
import { subscribeToTaskEvents } from './subscribeToTaskEvents';
import { Troubles } from './Troubles';
import { ScaffolderCheck } from '../../scaffolder/check/ScaffolderCheck';
import { RunFolders } from '../../workspace/folders/RunFolders';

/** A pass with nothing to do is one question to the database, of less than a millisecond. */
const PASS_FREQUENCY = { seconds: 1 };

/** Of what nobody waits for. */
const HOUSEKEEPING_FREQUENCY = { seconds: 5 };

/** As often as the scaffolder polls. */
const POLL_FREQUENCY = { seconds: POLL_INTERVAL_SECONDS };

/** How often it is checked whether the index is there, which may be created by somebody else. */
const INDEX_FREQUENCY = { seconds: 60 };

/** The names of troubles that are not those of one tick. */
const DATABASE = 'recovery of interrupted tasks';
const DEFERRAL = 'deferral of tasks that cannot be decided on';

/** Runs the passes: at the start of the process and regularly from then on. Ticks and logs; decides nothing. */
export class RecoveryLoop {
  constructor(
    private readonly options: {
      knex: Knex;
      readiness: Pick<DatabaseReadiness, 'ensure' | 'doubt'>;
      deferral: Pick<Deferral, 'deferOnce'>;
      index: Pick<InFlightIndex, 'ensure'>;
      pollCheck: Pick<PollCheck, 'check'>;
      check: Pick<
        ScaffolderCheck,
        'runOnce' | 'claimPublished' | 'workersMayStart'
      >;
      troubles: Troubles;
      pass: RecoveryPass;
      memory: StrategyMemory;
      tracker: Pick<AttemptTracker, 'recordOnce' | 'ended'>;
      folders: RunFolders;
      runs: OwnedRuns;
      registration: Pick<
        ProcessRegistration,
        'keepOnce' | 'pruneOnce' | 'haveAllLostLocks'
      >;
      settling: Settling;
      listener: Pick<RecoveryListener, 'passed' | 'renewed'>;
      /** Ends the process; only given if it must end when a run has lost ownership. */
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
    const { pass, memory, tracker, index, pollCheck, check } = this.options;
    const { knex, folders, registration, logger } = this.options;
    await subscribeToTaskEvents(this.options).catch(error =>
      logger.error(
        'Task events cannot be subscribed to; the passes find what they miss',
        safeError(error),
      ),
    );
    await folders
      .rememberExisting()
      .catch(error =>
        logger.error(
          'The workspaces of earlier runs cannot be listed',
          safeError(error),
        ),
      );
    await this.#tick('check of the database', () => this.#lookAtDatabase(), {
      isVital: true,
      trouble: 'recovery pass',
    });
    // In the background: others may recover tasks without it, later.
    void this.#register();
    await this.#schedule('renew-heartbeats', { seconds: 1 }, () =>
      this.#tick('renewal of heartbeats', () => this.#renewHeartbeats()),
    );
    await this.#schedule('register-process', { seconds: 1 }, () =>
      this.#register(),
    );
    await this.#pass('first recovery pass', () => pass.runAtStartup());
    await this.#schedule('recover-interrupted-tasks', PASS_FREQUENCY, () =>
      this.#pass('recovery pass', () => pass.runOnce()),
    );
    // Apart from the passes: a catalog that hangs must not delay what can be decided without it.
    await this.#schedule('remember-strategies', HOUSEKEEPING_FREQUENCY, () =>
      this.#tick(
        'look-up of recovery strategies',
        () => memory.rememberMissing(),
        // What it fails at does not concern the heartbeats.
        { isVital: false },
      ),
    );
    await this.#schedule('forget-ended-tasks', HOUSEKEEPING_FREQUENCY, () =>
      this.#tick(
        'removal of what is remembered of ended tasks',
        () =>
          forgetEndedTasks(knex, {
            nudgeIntervalSeconds: NUDGE_INTERVAL_SECONDS,
          }),
        // Such as a deadlock.
        { isVital: false },
      ),
    );
    await this.#schedule('prune-processes', HOUSEKEEPING_FREQUENCY, () =>
      this.#tick('removal of dead processes', () => registration.pruneOnce(), {
        isVital: false,
      }),
    );
    await this.#schedule('record-outcomes', HOUSEKEEPING_FREQUENCY, () =>
      this.#tick(
        'record of outcomes',
        () => tracker.recordOnce(),
        // For people to read only: whatever fails in it keeps no task from being recovered.
        { isVital: false },
      ),
    );
    await this.#schedule('check-poll', POLL_FREQUENCY, () =>
      this.#tick("scaffolder's poll", () => pollCheck.check(), {
        isVital: false,
      }),
    );
    await this.#schedule('check-scaffolder', POLL_FREQUENCY, () =>
      this.#tick('check of the scaffolder', () => check.runOnce(), {
        isVital: false,
      }),
    );
    // In the background: it may take as long as the longest transaction.
    await this.#schedule('make-in-flight-index', INDEX_FREQUENCY, () =>
      this.#tick('index of the tasks in flight', () => index.ensure(), {
        isVital: false,
      }),
    );
    check.workersMayStart();
  }

  async #register(): Promise<unknown> {
    const { registration } = this.options;
    return this.#tick(
      'registration of this process',
      () => registration.keepOnce(),
      { isVital: false },
    );
  }

  /** A pass. When none can be made, or none that decides, the scaffolder's own recovery must not be the one that does. */
  async #pass(
    what: string,
    pass: () => Promise<DecisionCounts>,
  ): Promise<unknown> {
    const { deferral, settling, troubles } = this.options;
    const error = await this.#tick(what, () => this.#measured(pass), {
      isVital: true,
      // The first one is not made again; the next one makes up for it.
      trouble: 'recovery pass',
    });
    const canDefer = !(error instanceof Blocker) || error.canDefer;
    if (!canDefer || (!error && settling.isSettled())) {
      troubles.over(DEFERRAL);
      return error;
    }
    try {
      await deferral.deferOnce();
      troubles.over(DEFERRAL);
    } catch (failure) {
      troubles.report(DEFERRAL, {
        message: `The ${DEFERRAL} failed, trying again until it works`,
        error: safeError(failure),
        isBlocking: true,
      });
    }
    return error;
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

  /** @param fn - resolves to the error, if it fails */
  async #schedule(
    id: string,
    frequency: { seconds: number },
    fn: () => Promise<unknown>,
  ): Promise<void> {
    await this.options.scheduler.scheduleTask({
      id: `scaffolder-recovery:${id}`,
      scope: 'local',
      frequency,
      initialDelay: { seconds: Math.min(frequency.seconds, 2) },
      timeout: { minutes: 5 },
      // It has been logged. The scheduler shows it as the state of the task, and in its trace.
      fn: async () => {
        const error = await fn();
        if (error !== undefined) {
          throw error;
        }
      },
    });
  }

  /**
   * After a start of the server itself, the owned runs of the others may not have renewed their heartbeats yet. And after it lost all locks,
   * their processes may not have taken them again.
   */
  async #lookAtDatabase(): Promise<void> {
    const { knex, settling, registration } = this.options;
    const upSeconds = await secondsSinceServerStart(knex);
    const haveLostLocks = await registration.haveAllLostLocks();
    // Only now: what came before, such as migrations, is no gap between reads.
    settling.begin();
    if (upSeconds < SETTLING_SECONDS || haveLostLocks) {
      settling.restart();
    }
  }

  async #renewHeartbeats(): Promise<void> {
    const { runs, settling, listener } = this.options;
    const { renewed, lostOwnership } = await runs.renewHeartbeats();
    settling.read();
    listener.renewed(renewed);
    await reportLostOwnership(lostOwnership, this.options);
  }

  /**
   * Does something if the database is ready for it.
   *
   * @param options.trouble - what it is called when it has failed and then works again
   * @returns what it failed with, which has been reported.
   */
  async #tick(
    what: string,
    action: () => Promise<unknown>,
    options: { isVital: boolean; trouble?: string } = { isVital: true },
  ): Promise<unknown> {
    const { readiness, settling, troubles } = this.options;
    const { isVital, trouble = what } = options;
    try {
      await readiness.ensure();
      troubles.over(DATABASE);
      await action();
      troubles.over(trouble);
      return undefined;
    } catch (error) {
      if (isVital) {
        settling.restart();
      }
      if (error instanceof Blocker) {
        // One error, whoever has come upon it.
        const { message } = error;
        troubles.report(DATABASE, { message, isBlocking: true });
      } else if (error instanceof ExplainedError) {
        const { message } = error;
        troubles.report(trouble, { message, isBlocking: isVital });
      } else {
        readiness.doubt();
        troubles.report(trouble, {
          message: `The ${what} failed, trying again until it works`,
          error: safeError(error),
          isBlocking: isVital,
        });
      }
      return error;
    }
  }
}
