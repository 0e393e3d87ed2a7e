/** What a clock that is slewed, or a read that is late, does not reach. */
const MAX_AHEAD_SECONDS = 2;

/**
 * Whether the clock of the database gets ahead of this process's. Silence is counted by the database's clock: if that is set forward, each running task looks
 * silent until its next heartbeat. The clock of a process stands still while its machine is paused, which shows in the same way.
 */
export class DatabaseClock {
  #last?: { seconds: number; readAt: number };

  /** @param clock - milliseconds that pass evenly; for tests */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /**
   * To be called whenever the time of the database was read.
   *
   * @param seconds - the time of the database, since 1970
   * @param askedAt - when it was asked for, by the clock of this process
   * @returns by how many seconds it got ahead since the last time, if it did.
   */
  secondsAhead(seconds: number, askedAt: number): number | undefined {
    const last = this.#last;
    this.#last = { seconds, readAt: askedAt };
    if (!last) {
      return undefined;
    }
    // From before the last answer to after this one, which is longer than what the database counted.
    const passed = (this.now() - last.readAt) / 1000;
    const ahead = seconds - last.seconds - passed;
    return ahead > MAX_AHEAD_SECONDS ? ahead : undefined;
  }

  /** By the clock of this process, in ms. */
  now(): number {
    return this.clock();
  }
}
