import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { endRuns } from '../../../database/operations/snapshots/ended/endRuns';
import { listEndedWithSnapshots } from '../../../database/operations/snapshots/ended/listEndedWithSnapshots';
import { safeError } from '../../../util/safeError';
import { StoreError } from '../../errors';
import { deleteOrphans } from '../../stores/deletion/deleteOrphans';
import { Stores } from '../../stores/Stores';
import { SLOW_MS } from './StoreCleaner';

/** Deletes packs that no snapshot has, of tasks that have ended and are kept. Of one that runs again, its next run does. */
export class OrphanCleaner {
  /** By task that was looked at: the number of its newest row. */
  #cleaned = new Map<string, number>();

  constructor(
    private readonly options: {
      knex: Knex;
      stores: Stores;
      logger: LoggerService;
    },
  ) {}

  /** @throws what the database says if it does not answer. */
  async clean(): Promise<void> {
    const { knex, stores, logger } = this.options;
    const cleaned = new Map<string, number>();
    for (const ended of await listEndedWithSnapshots(knex)) {
      const { taskId, newest } = ended;
      const begin = performance.now();
      try {
        if (this.#cleaned.get(taskId) !== newest) {
          if (await endRuns(knex, ended)) {
            await deleteOrphans({ knex, stores, taskId, newest });
          }
        }
        cleaned.set(taskId, newest);
      } catch (error) {
        logger.debug(
          `Could not look for packs of task ${taskId} that no snapshot has`,
          safeError(error),
        );
        if (
          error instanceof StoreError &&
          performance.now() - begin > SLOW_MS
        ) {
          this.#cleaned = new Map([...this.#cleaned, ...cleaned]);
          return;
        }
      }
    }
    this.#cleaned = cleaned;
  }
}
