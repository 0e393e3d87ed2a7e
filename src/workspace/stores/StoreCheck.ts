import { LoggerService } from '@backstage/backend-plugin-api';
import { setTimeout as sleep } from 'node:timers/promises';
import { safeError } from '../../util/safeError';
import { Stores } from './Stores';

const AGAIN_MS = 60_000;

/** Reports stores that cannot be used, once a minute until they can. The backend starts all the same: a volume may come later. */
export class StoreCheck {
  constructor(
    private readonly options: {
      stores: Stores;
      signal: AbortSignal;
      logger: LoggerService;
      againMs?: number;
    },
  ) {}

  /** Ends when all can be used, or the signal comes. */
  async run(): Promise<void> {
    await Promise.all(
      this.options.stores.all.map(({ id, store }) =>
        this.#untilUsable(id, async () => store.check?.()),
      ),
    );
  }

  async #untilUsable(id: string, check: () => Promise<void>): Promise<void> {
    const { stores, signal, logger, againMs = AGAIN_MS } = this.options;
    const consequence =
      id === stores.first.id
        ? 'No files of tasks are stored until it can be used.'
        : 'Tasks whose files are there cannot go on with them until it can be used.';
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        await check();
        if (tries > 1) {
          logger.info(`The store ${id} can be used now.`);
        }
        return;
      } catch (error) {
        logger.error(
          `The store ${id} cannot be used. ${consequence} ${safeError(error).message}`,
        );
      }
      await sleep(againMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
