import { LoggerService } from '@backstage/backend-plugin-api';
import { formatDuration } from '../../util/durations';

/** An error that is logged once scrolls away. Once a minute is seen, and fills no disk. */
const REPEAT_MS = 60_000;

type Trouble = {
  since: number;
  loggedAt: number;
  cause: string;
  isBlocking: boolean;
};

/** What fails at present. Logged at once, again once a minute while it lasts, and when it is over. */
export class Troubles {
  readonly #ongoing = new Map<string, Trouble>();

  constructor(
    private readonly options: {
      logger: LoggerService;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /**
   * To be called whenever something has failed.
   *
   * @param what - names what failed; what fails under one name is one trouble
   * @param failure.message - what to log
   * @param failure.error - what to log beside it
   * @param failure.isBlocking - whether it keeps the module from deciding
   */
  report(
    what: string,
    failure: { message: string; error?: Error; isBlocking: boolean },
  ): void {
    const { message, error, isBlocking } = failure;
    const cause = error?.message ?? message;
    const now = this.#now();
    const known = this.#ongoing.get(what);
    const since = known?.since ?? now;
    let loggedAt = known?.loggedAt ?? now;
    if (known?.cause !== cause || now - loggedAt >= REPEAT_MS) {
      loggedAt = now;
      const line = known
        ? `${message} (for ${formatDuration((now - since) / 1000)} by now)`
        : message;
      this.options.logger.error(line, ...(error ? [error] : []));
    }
    this.#ongoing.set(what, { since, loggedAt, cause, isBlocking });
  }

  /** To be called whenever something has worked. */
  over(what: string): void {
    const trouble = this.#ongoing.get(what);
    if (trouble) {
      this.#ongoing.delete(what);
      const seconds = (this.#now() - trouble.since) / 1000;
      this.options.logger.info(
        `The ${what} works again, after ${formatDuration(seconds)}`,
      );
    }
  }

  /** Whether anything keeps the module from deciding. */
  get isBlocking(): boolean {
    return [...this.#ongoing.values()].some(({ isBlocking }) => isBlocking);
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}
