import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { randomInt } from 'node:crypto';
import { DeadProcesses } from '../../database/operations/interrupted/interrupted';
import { areAllUnlocked } from '../../database/operations/processes/areAllUnlocked';
import { deleteProcesses } from '../../database/operations/processes/deleteProcesses';
import {
  listHeldLocks,
  readLockClass,
} from '../../database/operations/processes/locks';
import { readHoldsLock } from '../../database/operations/processes/readHoldsLock';
import {
  ProcessIdentity,
  saveProcess,
} from '../../database/operations/processes/saveProcess';
import { isSqlite } from '../../database/time';
import { Settling } from '../Settling';
import { findDeadProcesses } from './findDeadProcesses';
import { LockSession } from './LockSession';
import { pruneProcesses } from './pruneProcesses';

/** How often it is read whether the row of this process is still there. */
const CHECK_MS = 5_000;

const MAX_NUMBER = 2 ** 31 - 1;

/**
 * The row of this process among all that run tasks and, on PostgreSQL, the lock by which others see that it lives.
 *
 * All of it goes on in the background. For as long as it has failed, others know this process by the heartbeats of its tasks only.
 */
export class ProcessRegistration {
  readonly #sessionEnd = new AbortController();
  #number?: number;
  #session?: LockSession;
  /** What was stored last, and when that was last seen to be so. */
  #stored?: { holdsLock: boolean; at: number };
  #ongoing?: Promise<void>;
  #isOver = false;

  constructor(
    private readonly options: {
      knex: Knex;
      process: ProcessIdentity;
      settling: Pick<Settling, 'restart'>;
      /** Receives reports that the lock cannot be taken, and that it can be again. */
      lockTrouble: { report(error: Error): void; over(): void };
      /** Whether it takes long until the heartbeats alone show that this process is dead. */
      isTimeoutLong: boolean;
      logger: LoggerService;
    },
  ) {}

  /** The number of this process. Nothing until it has a row. */
  get number(): number | undefined {
    return this.#number;
  }

  /**
   * Stores the row of this process if it is missing, and whether it holds its lock. To be called every second: mostly there is nothing to
   * do.
   */
  async keepOnce(): Promise<void> {
    // The lock session calls it as well.
    this.#ongoing ??= this.#keep().finally(() => {
      this.#ongoing = undefined;
    });
    await this.#ongoing;
  }

  /** The other processes that do not live any more. */
  async findDead(knex: Knex): Promise<DeadProcesses> {
    const dead = await findDeadProcesses(knex, this.options.process);
    return {
      ...dead,
      numbers: dead.numbers.filter(number => number !== this.#number),
    };
  }

  /**
   * Whether two or more processes should hold their locks and none does. Then PostgreSQL has lost all locks, which the age of the server
   * does not show if a standby was promoted.
   */
  async haveAllLostLocks(): Promise<boolean> {
    const { knex } = this.options;
    return !isSqlite(knex) && (await areAllUnlocked(knex, { atLeast: 2 }));
  }

  /** Removes the rows of processes that are dead and that no task needs. */
  async pruneOnce(): Promise<void> {
    const { knex, process } = this.options;
    await pruneProcesses(knex, process);
  }

  /**
   * Ends it. A process that may still run a task leaves its row, and the session to its end: others would take its tasks. One that runs
   * none removes both. Never throws.
   */
  async end(mayRunTasks: boolean): Promise<void> {
    this.#isOver = true;
    if (mayRunTasks) {
      this.#session?.leave();
      return;
    }
    await this.#ongoing?.catch(() => {});
    if (this.#number !== undefined) {
      // What is left of it shows as dead.
      await deleteProcesses(this.options.knex, [this.#number]).catch(() => {});
    }
    this.#sessionEnd.abort();
  }

  async #keep(): Promise<void> {
    const { knex } = this.options;
    if (this.#isOver) {
      return;
    }
    if (this.#number === undefined) {
      await this.#register();
    }
    if (!this.#session && !isSqlite(knex)) {
      await this.#openSession();
    }
    const isHeld = this.#session?.isHeld === true;
    const stored = this.#stored;
    if (
      stored?.holdsLock === isHeld &&
      performance.now() - stored.at < CHECK_MS
    ) {
      return;
    }
    // Whatever fails from here on, it is not known what is stored.
    this.#stored = undefined;
    if ((await readHoldsLock(knex, this.#number!)) !== isHeld) {
      await this.#store(this.#number!, isHeld);
    }
    this.#stored = { holdsLock: isHeld, at: performance.now() };
  }

  async #register(): Promise<void> {
    const number = randomInt(1, MAX_NUMBER);
    await this.#store(number, false);
    this.#number = number;
    this.#stored = { holdsLock: false, at: performance.now() };
  }

  /** @throws Error if the number is another process's, or if others do not see the lock. It is tried again. */
  async #store(number: number, holdsLock: boolean): Promise<void> {
    const { knex, process } = this.options;
    // By the pool, as others will ask: it may be connected to another server than the session.
    if (holdsLock && !(await listHeldLocks(knex)).has(number)) {
      throw new Error(
        `The lock of this process is held and does not show in pg_locks`,
      );
    }
    if (!(await saveProcess(knex, { ...process, number, holdsLock }))) {
      throw new Error(`The process number ${number} is taken`);
    }
  }

  async #openSession(): Promise<void> {
    const { knex, settling, lockTrouble, isTimeoutLong, logger } = this.options;
    const number = this.#number!;
    const lockClass = await readLockClass(knex);
    if (this.#isOver) {
      return;
    }
    this.#session = new LockSession({
      knex,
      key: [lockClass, number],
      applicationName: `scaffolder_recovery_process_${number}`,
      // What fails here is made up for by the next regular call.
      onChange: () => void this.#keepAnew().catch(() => {}),
      onLost: () => {
        // The server may have been restarted, so that all others have yet to come back as well.
        settling.restart();
        logger.debug(
          'The database session that shows that this process lives was lost; it is opened again',
        );
      },
      onRefused: error => lockTrouble.report(error),
      onAccepted: () => lockTrouble.over(),
      onPooled: () =>
        logger[isTimeoutLong ? 'warn' : 'info'](
          "A crash of this process is noticed after scaffolder.recoverTasksTimeout only: the database is behind a connection pooler such as pgbouncer, in whose session an advisory lock would outlive the process. Without a pooler, or with the scaffolder's database configured past it, it takes a few seconds",
        ),
      signal: this.#sessionEnd.signal,
    });
    this.#session.start();
  }

  /** What is under way may have begun before the change. */
  async #keepAnew(): Promise<void> {
    await this.#ongoing?.catch(() => {});
    await this.keepOnce();
  }
}
