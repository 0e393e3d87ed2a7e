import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import {
  forgetStored,
  Leftover,
  listLeftovers,
  markEmptied,
} from '../../../database/operations/stored/leftovers';
import { STORES } from '../../../util/ownSettings';
import { safeError } from '../../../util/safeError';
import { emptyStore } from '../../stores/deletion/emptyStore';
import { PackStore } from '../../stores/PackStore';
import { Stores } from '../../stores/Stores';

/**
 * How long nothing must have been there before a task is forgotten, in seconds: what a process is writing that was stalled, and does not know
 * that it is not needed any more.
 */
const SETTLE_SECONDS = 240;

/** A store that takes so many ms to fail is away: each of the other tasks would wait for the same. What fails sooner may concern one task only. */
export const SLOW_MS = 1_000;

/**
 * Deletes from stores beside the database what belongs to tasks whose snapshots were deleted, maybe with the task. Only looks at what is
 * recorded as stored there, never at the whole store, which another installation may use as well.
 */
export class StoreCleaner {
  readonly #reported = new Set<string>();

  constructor(
    private readonly options: {
      knex: Knex;
      stores: Stores;
      settleSeconds?: number;
      logger: LoggerService;
    },
  ) {}

  /**
   * A store that cannot be reached keeps what it has, and is tried again the next time.
   *
   * @throws what the database says if it does not answer.
   */
  async clean(): Promise<void> {
    const { knex, stores, settleSeconds = SETTLE_SECONDS } = this.options;
    const byStore = new Map<string, Leftover[]>();
    for (const leftover of await listLeftovers(knex, { settleSeconds })) {
      const ofStore = byStore.get(leftover.store) ?? [];
      ofStore.push(leftover);
      byStore.set(leftover.store, ofStore);
    }
    for (const [id, leftovers] of byStore) {
      const store = stores.find(id);
      if (store) {
        await this.#cleanStore(store, leftovers);
      } else {
        this.#reportUnknown(id, leftovers.length);
      }
    }
  }

  async #cleanStore(store: PackStore, leftovers: Leftover[]): Promise<void> {
    const { knex, settleSeconds = SETTLE_SECONDS, logger } = this.options;
    let failure: { store: string; error: unknown } | undefined;
    for (const { taskId, store: id, isEmptied, isSettled } of leftovers) {
      const begin = performance.now();
      let deleted: number | undefined;
      try {
        deleted = await emptyStore(knex, { id, store, taskId });
      } catch (error) {
        failure ??= { store: id, error };
        if (performance.now() - begin > SLOW_MS) {
          break;
        }
        continue;
      }
      if (deleted === undefined) {
        // A run of the task has begun since it was listed.
        continue;
      }
      if (deleted > 0 || !isEmptied) {
        await markEmptied(knex, { taskId, store: id });
      } else if (isSettled) {
        await forgetStored(knex, { taskId, store: id, settleSeconds });
      }
    }
    if (failure) {
      logger.warn(
        `Could not delete all leftovers of ${leftovers.length} tasks from the store ${failure.store}, trying again later`,
        safeError(failure.error),
      );
    }
  }

  #reportUnknown(id: string, tasks: number): void {
    if (!this.#reported.has(id)) {
      this.#reported.add(id);
      this.options.logger.warn(
        `The files of ${tasks} tasks that need none any more are left in the store ${id}, which is not among ${STORES}. Add it until they are deleted, or delete them yourself.`,
      );
    }
  }
}
