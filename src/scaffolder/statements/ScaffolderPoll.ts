import { POLL_INTERVAL_SECONDS } from '../intervals';

/** A poll later than this is overdue. */
const LATE_MS = 1_000;

/** The statement that opens tasks, the only one to return these columns (`recoverTasks` of `DatabaseTaskStore`, 4.2.0). */
const STATEMENT = /^update .tasks. set .* returning .id., .spec.$/;

/** Whether a statement is that of the scaffolder's own recovery. */
export function isPoll(sql: string): boolean {
  return STATEMENT.test(sql);
}

/**
 * When the scaffolder's recovery in this process polls for tasks that it can open. A worker only wakes if its own process opens
 * a task, so it matters which process polls next. Seen from the statements that it sends: no event reports it.
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

  /** How many seconds ago it polled. Nothing if it never has. */
  secondsSinceLast(): number | undefined {
    return this.#lastAt === undefined
      ? undefined
      : (this.clock() - this.#lastAt) / 1000;
  }

  /** In how many seconds it polls next. Nothing if that is not known. */
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
