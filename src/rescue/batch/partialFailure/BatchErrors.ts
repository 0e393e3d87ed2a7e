import { LoggerService } from '@backstage/backend-plugin-api';
import { safeError } from '../../../util/safeError';

/** Messages that never repeat, since they contain ids, must not fill the memory. */
const MOST_REPORTED = 100;

/**
 * Logs errors of whole batches, each message once: an error that lasts would be logged in each pass, every second.
 */
export class BatchErrors {
  readonly #reported = new Set<string>();

  /** @param what - what could not be done with which things, such as `decide on tasks` */
  constructor(
    private readonly what: string,
    private readonly logger: LoggerService,
  ) {}

  report(error: unknown, count: number): void {
    const safe = safeError(error);
    if (this.#reported.has(safe.message)) {
      return;
    }
    if (this.#reported.size === MOST_REPORTED) {
      this.#reported.clear();
    }
    this.#reported.add(safe.message);
    this.logger.warn(
      `Could not ${this.what} in a batch of ${count}, so each is tried alone; the same error is not logged again`,
      safe,
    );
  }
}
