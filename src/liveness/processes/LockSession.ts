import { toError } from '@backstage/errors';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  READ_SERVER_PROCESS,
  TRY_PROCESS_LOCK,
} from '../../database/dialect/advisoryLocks';
import { withTimeout, TIMED_OUT } from '../../util/withTimeout';
import { createPgClient, PgClient, unref } from './pgClient';

/** How often it is looked at, and every how many of these the session is asked. */
const TICK_MS = 1_000;
const TICKS_BETWEEN_PROBES = 2;

/** An answer that is still missing after so many ticks is overdue. Ticks, not time: after a stall of this process there is only one. */
const OVERDUE_TICKS = 3;

/** A session that takes longer to be had counts as refused. */
const TAKE_MS = 5_000;

/**
 * Waits between attempts to take the lock, of a server that has no connection to give, say. After an outage of the server, all processes
 * have to be back before one that settled meanwhile decides.
 */
const RETRY_SECONDS = [1, 2, 4];

/** A server that is restarted, or has no connection to give for a moment, is no trouble yet. */
const REFUSED_MS = 10_000;

/** A session that was sound for this long is not what was lost, or refused, before. */
const STEADY_MS = 60_000;

type Session = {
  client: PgClient;
  isLost: boolean;
  /** For how many ticks an answer has been missing. */
  ticksUnanswered: number;
};

/** Thrown where a session is not one of the server's. */
class PooledError extends Error {}

/**
 * A session on PostgreSQL, outside the pool, which holds the advisory lock of this process for as long as it lives: when the process
 * dies, its kernel closes the socket, and the server frees the lock.
 *
 * The lock is a shared one. So a further session takes it while the server has not noticed yet that an earlier one is gone, and an earlier
 * one that does not answer is kept until a further one has the lock.
 *
 * Behind a transaction pooler a lock would stay on the pooler's session and outlive this process. The server announces a process id when
 * a session begins, for requests to cancel; a pooler invents one, whereas a proxy of TCP passes it on. So a session whose process id is
 * another one takes no lock.
 *
 * Never throws, and never keeps the process from ending.
 */
export class LockSession {
  #session?: Session;
  #isHeld = false;
  #isPooled = false;
  #isOver = false;
  #timer?: NodeJS.Timeout;
  #wake = () => {};
  /** Attempts that were refused, and sessions that were lost again, since one was steady. */
  #failures = 0;
  /** To wait before the next attempt. */
  #pauseMs = 0;
  #takenAt = 0;
  #lostAt = -Infinity;
  /** Whether a session was lost within a minute of the one before, and none has been steady since. */
  #isLostAgain = false;
  #refusedSince?: number;

  constructor(
    private readonly options: {
      knex: Knex;
      /** The two keys of the lock. */
      key: readonly [number, number];
      /** Shows at the server. */
      applicationName: string;
      /** It was taken, or could not be taken, or was found to be there after all. */
      onChange: () => void;
      /** It is gone, and was not within the minute before. It is taken again at once. */
      onLost: () => void;
      /** It cannot be had, or not kept, for ten seconds by now. Called after each attempt from then on. */
      onRefused: (error: Error) => void;
      /** It can be had and kept, after it could not. */
      onAccepted: () => void;
      /** There will be none, since a connection pooler is in between. */
      onPooled: () => void;
      /** Ends it. */
      signal: AbortSignal;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /** Whether this process holds its lock, as far as it knows. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Takes the lock, and takes it again whenever it is lost. */
  start(): void {
    const { signal } = this.options;
    if (signal.aborted) {
      return;
    }
    let ticks = 0;
    this.#timer = setInterval(() => {
      ticks += 1;
      this.#tick(ticks % TICKS_BETWEEN_PROBES === 0);
    }, TICK_MS).unref();
    signal.addEventListener(
      'abort',
      () => {
        this.leave();
        this.#close(this.#session);
      },
      { once: true },
    );
    void this.#keep();
  }

  /** Leaves the session as it is to the end of the process. It is not opened again. */
  leave(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#wake();
  }

  async #keep(): Promise<void> {
    while (!this.#isOver && !this.#isPooled) {
      if (this.#isSound()) {
        this.#pauseMs = 0;
        if (!this.#isLostAgain) {
          this.#accepted();
        }
        this.#report(true);
        await this.#untilWoken();
      } else if (this.#pauseMs > 0) {
        const ms = this.#pauseMs;
        this.#pauseMs = 0;
        await this.#untilWoken(ms);
      } else {
        await this.#attempt();
      }
    }
  }

  async #attempt(): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      this.#report(false);
      if (error instanceof PooledError) {
        this.#isPooled = true;
        this.options.onPooled();
      } else if (!this.#isOver) {
        this.#refused(toError(error));
      }
    }
  }

  /** There is a session, and its answer is not overdue. */
  #isSound(): boolean {
    const session = this.#session;
    return (
      session !== undefined &&
      !session.isLost &&
      session.ticksUnanswered < OVERDUE_TICKS
    );
  }

  async #take(): Promise<void> {
    const { key } = this.options;
    const session = await this.#open();
    try {
      const taken = await withTimeout(TAKE_MS, this.#lock(session.client, key));
      if (taken === TIMED_OUT || session.isLost || this.#isOver) {
        throw new Error('The session did not answer');
      }
    } catch (error) {
      this.#close(session);
      throw error;
    }
    this.#close(this.#session);
    this.#session = session;
    this.#takenAt = this.#now();
  }

  async #lock(client: PgClient, key: readonly [number, number]): Promise<void> {
    await this.#checkProcess(client);
    const { rows } = await client.query(TRY_PROCESS_LOCK, [...key]);
    if (!rows[0].taken) {
      throw new Error('Somebody else holds the lock alone');
    }
    // Between the first answer and the lock, a pooler might have changed the session.
    await this.#checkProcess(client);
  }

  async #checkProcess(client: PgClient): Promise<void> {
    const { rows } = await client.query(READ_SERVER_PROCESS);
    if (rows[0].pid !== client.processID) {
      throw new PooledError();
    }
  }

  async #open(): Promise<Session> {
    const { knex, applicationName } = this.options;
    const client = await createPgClient(knex, {
      applicationName,
      waitMs: TAKE_MS,
    });
    const session: Session = { client, isLost: false, ticksUnanswered: 0 };
    const lost = () => this.#lost(session);
    // Both may come. Without the first one, an error would end the process.
    client.on('error', lost);
    client.on('end', lost);
    const connected = client.connect();
    // Already while it connects.
    unref(client);
    try {
      await connected;
    } catch (error) {
      this.#close(session);
      throw error;
    }
    // With TLS it is another socket now.
    unref(client);
    return session;
  }

  #lost(session: Session): void {
    if (session.isLost) {
      return;
    }
    session.isLost = true;
    this.#destroy(session);
    if (session !== this.#session || this.#isOver) {
      return;
    }
    this.#report(false);
    const now = this.#now();
    const isAgain = now - this.#lostAt < STEADY_MS;
    this.#lostAt = now;
    if (isAgain) {
      this.#isLostAgain = true;
      this.#refused(
        new Error('The session was ended twice or more within a minute'),
      );
    } else {
      this.#pause();
      this.options.onLost();
    }
    this.#wake();
  }

  #refused(error: Error): void {
    const now = this.#now();
    this.#failures += 1;
    this.#pause();
    this.#refusedSince ??= now;
    if (now - this.#refusedSince >= REFUSED_MS) {
      this.options.onRefused(error);
    }
  }

  #accepted(): void {
    if (this.#refusedSince !== undefined) {
      this.#refusedSince = undefined;
      this.options.onAccepted();
    }
  }

  /** The next attempt is made at once if none has failed of late. */
  #pause(): void {
    const { length } = RETRY_SECONDS;
    const index = Math.min(this.#failures, length) - 1;
    this.#pauseMs = index < 0 ? 0 : RETRY_SECONDS[index] * 1000;
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }

  #tick(isToProbe: boolean): void {
    const session = this.#session;
    if (!session || session.isLost) {
      return;
    }
    if (this.#isSound() && this.#now() - this.#takenAt >= STEADY_MS) {
      this.#failures = 0;
      this.#isLostAgain = false;
      this.#accepted();
    }
    if (session.ticksUnanswered > 0) {
      session.ticksUnanswered += 1;
      if (session.ticksUnanswered === OVERDUE_TICKS) {
        this.#wake();
      }
    } else if (isToProbe) {
      // So that a session that is gone is known to be, also where the network says nothing, and that none is ended for being idle.
      session.ticksUnanswered = 1;
      this.#checkProcess(session.client).then(
        () => this.#answered(session),
        // A statement that was cancelled is an answer. That the session ended is reported by its events.
        error =>
          error instanceof PooledError
            ? this.#lost(session)
            : this.#answered(session),
      );
    }
  }

  #answered(session: Session): void {
    const wasOverdue = session.ticksUnanswered >= OVERDUE_TICKS;
    session.ticksUnanswered = 0;
    if (wasOverdue) {
      this.#wake();
    }
  }

  #report(isHeld: boolean): void {
    if (this.#isHeld !== isHeld) {
      this.#isHeld = isHeld;
      this.options.onChange();
    }
  }

  /** Until something has happened to the session, or the time is over. */
  async #untilWoken(ms?: number): Promise<void> {
    if (this.#isOver) {
      return;
    }
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve;
    });
    if (ms === undefined) {
      await woken;
    } else {
      const over = new AbortController();
      const { signal } = over;
      await Promise.race([
        woken,
        sleep(ms, undefined, { ref: false, signal }).catch(() => {}),
      ]);
      over.abort();
    }
  }

  #close(session: Session | undefined): void {
    if (!session) {
      return;
    }
    session.isLost = true;
    session.client.end().catch(() => {});
    // The answer to that may never come.
    setTimeout(() => this.#destroy(session), TICK_MS).unref();
  }

  #destroy(session: Session): void {
    session.client.connection?.stream?.destroy();
  }
}
