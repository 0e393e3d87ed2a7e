import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listStoresOfTask } from '../../../database/operations/stored/listStoresOfTask';
import { markEmptied } from '../../../database/operations/stored/leftovers';
import { safeError } from '../../../util/safeError';
import { Stores } from '../Stores';
import { emptyStore } from './emptyStore';

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
        const deleted = await emptyStore(knex, { id, store, taskId });
        // Nothing if a retry has begun meanwhile.
        if (deleted !== undefined) {
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
