import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listStoresOfTask } from '../../../database/operations/stored/listStoresOfTask';
import {
  isUnneeded,
  markEmptied,
} from '../../../database/operations/stored/listLeftovers';
import { safeError } from '../../../util/safeError';
import { Stores } from '../Stores';

/**
 * Deletes from other stores than the database the content of all snapshots of a task whose rows have just been deleted. What one does not delete is
 * deleted later, by what is recorded of it.
 *
 * @throws what the database says.
 */
export async function deleteStored(options: {
  knex: Knex;
  stores: Stores;
  taskId: string;
  logger: LoggerService;
}): Promise<void> {
  const { knex, stores, taskId, logger } = options;
  for (const id of await listStoresOfTask(knex, taskId)) {
    const store = stores.find(id);
    if (store) {
      try {
        const names = await store.list(taskId);
        // A retry may have begun meanwhile. What it stores later is not in the list.
        if (await isUnneeded(knex, { taskId, store: id })) {
          await store.delete(taskId, names);
          await markEmptied(knex, { taskId, store: id });
        }
      } catch (error) {
        logger.debug(
          `Could not delete the packs of task ${taskId} from the store ${id}, trying again later`,
          safeError(error),
        );
      }
    }
  }
}
