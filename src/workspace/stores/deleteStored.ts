import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listStoresOfTask } from '../../database/operations/stored/listStoresOfTask';
import { markEmptied } from '../../database/operations/stored/listLeftovers';
import { safeError } from '../../util/safeError';
import { DatabasePackStore } from './DatabasePackStore';
import { PackStore } from './PackStore';
import { Stores } from './Stores';

/**
 * Deletes the content of all snapshots of a task whose rows have just been deleted. What another store than the database does not delete is
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
  // Also if it is not configured any more.
  await deleteAll(new DatabasePackStore(knex), taskId);
  for (const id of await listStoresOfTask(knex, taskId)) {
    const store = stores.find(id);
    if (store) {
      try {
        await deleteAll(store, taskId);
        await markEmptied(knex, { taskId, store: id });
      } catch (error) {
        logger.debug(
          `The store ${id} did not delete what it has of task ${taskId}, which is tried again`,
          safeError(error),
        );
      }
    }
  }
}

async function deleteAll(store: PackStore, taskId: string): Promise<void> {
  await store.delete(taskId, await store.list(taskId));
}
