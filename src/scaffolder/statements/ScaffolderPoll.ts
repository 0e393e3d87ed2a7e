import { POLL_INTERVAL_SECONDS } from '../intervals';

/** A look that is later than this is not coming as expected. */
const LATE_MS = 1_000;

/** The statement that opens tasks, the only one to return these columns (`recoverTasks` of `DatabaseTaskStore`, 4.2.0). */
const STATEMENT = /^update .tasks. set .* returning .id., .spec.$/;

/** Whether a statement is that of the scaffolder's own recovery. */
export function isPoll(sql: string): boolean {
  return STATEMENT.test(sql);
}

/**
 * When the scaffolder's own recovery in this process looks for tasks that it can open. A worker only wakes if its own process opens
 * a task, so it matters which process looks next. Seen from the statements that it sends: no event tells of it.
 */
export class ScaffolderPoll {
  #lastAt?: number;

  /** @param clock - milliseconds that pass evenly; for tests */
  constructor(private readonly clock = () => performance.now()) {}

  /** To be called with each statement that the process sends to the scaffolder's database. */
  sent(sql: string): void {
    if (isPoll(sql)) {
      this.#lastAt = this.clock();
    }
  }

  /** How many seconds ago it looked. Nothing if it never has. */
  secondsSinceLast(): number | undefined {
    return this.#lastAt === undefined
      ? undefined
      : (this.clock() - this.#lastAt) / 1000;
  }

  /** In how many seconds it looks next. Nothing if that cannot be told. */
  secondsUntilNext(): number | undefined {
    const ms =
      this.#lastAt === undefined
        ? undefined
        : this.#lastAt + POLL_INTERVAL_SECONDS * 1000 - this.clock();
    return ms === undefined || ms < -LATE_MS
      ? undefined
      : Math.max(ms, 0) / 1000;
  }
}
