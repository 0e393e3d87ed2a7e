/** A process that could read for this long decides again: by then all owned runs of the others have renewed their heartbeats. */
export const SETTLING_SECONDS = 10;

/** Reads come every second. A longer gap means that this process stalled, or that the database did not answer. */
const MAX_GAP_MS = 3_000;

/**
 * Whether this process can trust the heartbeats in the database. After an outage of the database, or a stall of this process, they are
 * old although their runs are alive, until the processes that own those runs have renewed them.
 */
export class Settling {
  #lastReadAt: number;
  #settlingUntil = -Infinity;

  /** @param clock - milliseconds that pass evenly, also while the process is stopped */
  constructor(private readonly clock: () => number = () => performance.now()) {
    this.#lastReadAt = clock();
  }

  /** To be called when reading begins: what was before is no gap. */
  begin(): void {
    this.#lastReadAt = this.clock();
  }

  /** To be called whenever the database was read, about every second. */
  read(): void {
    if (this.#isLate()) {
      this.restart();
    }
    this.#lastReadAt = this.clock();
  }

  /** To be called when the database could not be read, or when it has just started. */
  restart(): void {
    this.#settlingUntil = this.clock() + SETTLING_SECONDS * 1000;
  }

  /** Whether it can be decided now what is interrupted. */
  isSettled(): boolean {
    return !this.#isLate() && this.clock() >= this.#settlingUntil;
  }

  #isLate(): boolean {
    return this.clock() - this.#lastReadAt > MAX_GAP_MS;
  }
}
