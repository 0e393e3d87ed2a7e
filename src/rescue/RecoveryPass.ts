import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { RecoveryConfig } from '../config';
import { clearUnneededSecrets } from '../database/operations/tasks/secrets/clearUnneededSecrets';
import { countInFlight } from '../database/operations/tasks/countInFlight';
import { listInterruptedTasks } from '../database/operations/interrupted/listInterruptedTasks';
import { batchesOf } from '../database/operations/tasks/paging/pages';
import { BatchDecider, DecisionCounts } from './batch/BatchDecider';
import { batchesAtOnce } from './batch/batchesAtOnce';
import { Requeuer, WAITING_SECONDS } from './requeue/Requeuer';
import { DeadProcesses } from '../database/operations/interrupted/interrupted';
import { DatabaseClock } from '../liveness/DatabaseClock';
import { OwnedRuns } from '../liveness/ownership/OwnedRuns';
import { ProcessRegistration } from '../liveness/processes/ProcessRegistration';
import { SETTLING_SECONDS, Settling } from '../liveness/Settling';
import { FolderCleaner } from '../workspace/folders/FolderCleaner';

/** Does once all there is to do. Decides nothing, or nothing more, while the heartbeats cannot be trusted. */
export class RecoveryPass {
  constructor(
    private readonly options: {
      knex: Knex;
      config: RecoveryConfig;
      decider: BatchDecider;
      requeuer: Requeuer;
      cleaner: FolderCleaner;
      runs: OwnedRuns;
      registration: Pick<ProcessRegistration, 'number' | 'findDead'>;
      settling: Settling;
      databaseClock: DatabaseClock;
      logger: LoggerService;
    },
  ) {}

  /** A pass at any time while this process runs. */
  async runOnce(): Promise<DecisionCounts> {
    const { knex, config, requeuer, registration, cleaner } = this.options;
    const { timeoutSeconds } = config;
    const counts = noDecisions();
    const askedAt = this.options.databaseClock.now();
    const inFlight = await countInFlight(knex, {
      timeoutSeconds,
      waitingSeconds: WAITING_SECONDS,
      process: registration.number,
    });
    this.#checkClock(inFlight.databaseSeconds, askedAt);
    const deadProcesses =
      inFlight.orphanCandidates > 0
        ? await registration.findDead(knex)
        : undefined;
    if (inFlight.silent > 0 || deadProcesses?.numbers.length) {
      await this.#decideOnAll({ isStarting: false, deadProcesses, counts });
    }
    if (inFlight.withSecrets > 0) {
      await clearUnneededSecrets(knex, timeoutSeconds);
    }
    if (inFlight.waiting > 0 && this.#isToGoOn()) {
      await requeuer.nudgeWorker();
    }
    await cleaner.cleanOnce(this.#isToGoOn);
    return counts;
  }

  /** What is to be done before the workers of this process start. */
  async runAtStartup(): Promise<DecisionCounts> {
    const { knex, requeuer, registration, cleaner } = this.options;
    const counts = noDecisions();
    // First, so that it opens none of those that this process hands over.
    await requeuer.openHandedOver(this.#isToGoOn);
    const deadProcesses = await registration.findDead(knex);
    await this.#decideOnAll({ isStarting: true, deadProcesses, counts });
    await cleaner.cleanOnce(this.#isToGoOn);
    return counts;
  }

  /** All tasks look silent for too long, until those that run have renewed their heartbeats. */
  #checkClock(databaseSeconds: number, askedAt: number): void {
    const { databaseClock, settling, logger } = this.options;
    const ahead = databaseClock.secondsAhead(databaseSeconds, askedAt);
    if (ahead !== undefined) {
      settling.restart();
      logger.warn(
        `The database's clock was set forward by ${Math.round(ahead)} s, or this machine was paused. No interrupted task is decided on for ${SETTLING_SECONDS} s, until all that run have renewed their heartbeats`,
      );
    }
  }

  /** While the database settles, its heartbeats do not tell which tasks run. */
  readonly #isToGoOn = () => this.options.settling.isSettled();

  async #decideOnAll(options: {
    isStarting: boolean;
    /** Nothing if it need not be asked which are. */
    deadProcesses: DeadProcesses | undefined;
    counts: DecisionCounts;
  }): Promise<void> {
    const { deadProcesses, ...others } = options;
    const { knex, config, decider, runs } = this.options;
    const most = batchesAtOnce(knex);
    const running = new Set<Promise<void>>();
    const errors: unknown[] = [];
    try {
      for await (const batch of batchesOf(page =>
        listInterruptedTasks(knex, { ...config, deadProcesses }, page),
      )) {
        if (!this.#isToGoOn()) {
          break;
        }
        const taskIds = batch.filter(id => !runs.isAlive(id));
        // Caught here: nobody waits for it while the next page is read, so that a rejection would be unhandled.
        const current = decider
          .decideOn(taskIds, {
            ...others,
            isDeathKnown: (deadProcesses?.numbers.length ?? 0) > 0,
          })
          .catch(error => {
            errors.push(error);
          })
          .finally(() => running.delete(current));
        running.add(current);
        if (running.size === most) {
          await Promise.race(running);
        }
      }
    } catch (error) {
      errors.push(error);
    }
    // Also if the list fails: the pass is over when nothing is decided any more.
    await Promise.all(running);
    if (errors.length > 0) {
      throw errors[0];
    }
  }
}

function noDecisions(): DecisionCounts {
  return {
    cancelled: 0,
    failed: 0,
    finish: 0,
    restart: 0,
    resume: 0,
    later: 0,
    error: 0,
  };
}
