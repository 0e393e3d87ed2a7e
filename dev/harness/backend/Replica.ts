import { setTimeout as sleep } from 'node:timers/promises';
import { BackendProcess } from './BackendProcess';

/** One process of a backend, from its start to its end. */
export type Lifetime = {
  replica: string;
  pid: number;
  startedAt: number;
  /** When it became ready, if it did. */
  readyAt?: number;
  exitedAt?: number;
  /** The signal that it was ended with, if it was. */
  endedBy?: string;
  endedByItself?: boolean;
};

/** When a process lived, and what ended it. */
export type ProcessLife = Pick<
  Lifetime,
  'replica' | 'pid' | 'startedAt' | 'exitedAt' | 'endedBy'
>;

/** How long an orchestrator waits before it starts a backend that ended by itself, and before it kills one that does not. */
const RESTART_MS = 500;
const GRACE_MS = 10_000;

/** A backend that is started again whenever it has ended, as an orchestrator would. */
export class Replica {
  readonly lifetimes: Lifetime[] = [];
  #closed = false;
  #restartMs: number;
  #isStopped = false;
  #continuedAt = 0;
  #supervision?: Promise<void>;

  /** @param restartMs - how long to wait before it is started again when it has ended by itself */
  constructor(
    readonly name: string,
    private readonly backend: BackendProcess,
    private readonly restartMs = RESTART_MS,
  ) {
    this.#restartMs = restartMs;
  }

  /** All that its processes wrote so far. */
  async log(): Promise<string> {
    return this.backend.log();
  }

  /** Starts it, and from then on again and again. */
  open(): void {
    this.#supervision = this.#supervise();
  }

  get url(): string {
    return this.backend.url;
  }

  get isAlive(): boolean {
    const life = this.#life;
    return life !== undefined && life.exitedAt === undefined;
  }

  get isReady(): boolean {
    return this.isAlive && this.#life?.readyAt !== undefined;
  }

  /** Whether it was asked to end, or killed. */
  get isEnding(): boolean {
    return this.#life?.endedBy !== undefined;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Milliseconds since it was last stopped. */
  get runsForMs(): number {
    return Date.now() - this.#continuedAt;
  }

  /** Resolves when it is ready, or ended for good. */
  async untilReady(): Promise<void> {
    while (!this.isReady && !this.#closed) {
      await sleep(50);
    }
  }

  /** Ends the process. It is started again after so many milliseconds. */
  async end(signal: 'SIGKILL' | 'SIGTERM', restartMs: number): Promise<void> {
    const life = this.#life;
    if (!life || !this.isAlive) {
      return;
    }
    this.#restartMs = restartMs;
    this.#continue(life);
    life.endedBy ??= signal;
    this.backend.signal(signal);
    const exited = this.backend.exited();
    if (signal === 'SIGTERM') {
      const hasExited = await Promise.race([
        exited.then(() => true),
        sleep(GRACE_MS, false, { ref: false }),
      ]);
      if (!hasExited) {
        life.endedBy = 'SIGTERM, SIGKILL';
        this.backend.signal('SIGKILL');
      }
    }
    await exited;
  }

  /** Stops the process for so many milliseconds, as a host that is stalled. */
  async stop(ms: number): Promise<void> {
    const life = this.#life!;
    this.#isStopped = true;
    this.backend.signal('SIGSTOP');
    await sleep(ms);
    this.#continue(life);
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.backend.kill();
    await this.#supervision;
  }

  get #life(): Lifetime | undefined {
    return this.lifetimes.at(-1);
  }

  #continue(life: Lifetime): void {
    // It may have been killed and started again since.
    if (life === this.#life && this.#isStopped) {
      this.#isStopped = false;
      this.#continuedAt = Date.now();
      this.backend.signal('SIGCONT');
    }
  }

  async #supervise(): Promise<void> {
    while (!this.#closed) {
      await this.#live();
      if (!this.#closed) {
        await sleep(this.#restartMs);
        this.#restartMs = this.restartMs;
      }
    }
  }

  /** One process, from its start to its end. */
  async #live(): Promise<void> {
    const booted = this.backend.boot();
    const life: Lifetime = {
      replica: this.name,
      pid: this.backend.pid!,
      startedAt: Date.now(),
    };
    this.lifetimes.push(life);
    const exited = this.backend.exited().then(() => {
      life.exitedAt = Date.now();
      life.endedByItself = !life.endedBy && !this.#closed;
      this.#isStopped = false;
    });
    await booted.then(
      () => {
        life.readyAt = Date.now();
      },
      // It ended before it was ready, such as for want of PostgreSQL. That is no reason to give up.
      () => {},
    );
    await exited;
  }
}
