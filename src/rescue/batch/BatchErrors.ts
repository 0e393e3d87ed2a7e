import { LoggerService } from '@backstage/backend-plugin-api';
import { safeError } from '../../util/safeError';

/** So that messages that never repeat, since they name ids, say, take no memory for ever. */
const MOST_REPORTED = 100;

/**
 * Logs errors of whole batches, each message once: an error that lasts comes back in each pass, every second.
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
      `Could not ${this.what}, ${count} at once, so they are tried one by one; the same error is not logged again`,
      safe,
    );
  }
}
