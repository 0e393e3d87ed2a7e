import { Knex } from 'knex';
import { readNamedPacks } from '../../../database/operations/snapshots/readNamedPacks';
import { listStoresOfTask } from '../../../database/operations/stored/listStoresOfTask';
import { DATABASE_STORE } from '../../../decision/plan/snapshotNeeds';
import { PackStore } from '../PackStore';
import { Stores } from '../Stores';

/**
 * Deletes the packs of a task that no snapshot has: their process ended before it could record it.
 *
 * Nothing of earlier runs may be recorded any more. What is there is listed first, and only then it is read what is recorded, and that no
 * further run has begun. So what such a run is writing is not in the list.
 *
 * @param newest - the number of the newest row of the task
 * @throws what the database or a store says.
 */
export async function deleteOrphans(options: {
  knex: Knex;
  stores: Stores;
  taskId: string;
  newest: number;
}): Promise<void> {
  const { knex, stores, taskId, newest } = options;
  const found: [PackStore, string[]][] = [];
  for (const id of [
    DATABASE_STORE,
    ...(await listStoresOfTask(knex, taskId)),
  ]) {
    const store = stores.find(id);
    if (store) {
      found.push([store, await store.list(taskId)]);
    }
  }
  const named = await readNamedPacks(knex, { taskId, newest });
  if (named) {
    for (const [store, names] of found) {
      const orphans = names.filter(name => !named.has(name));
      if (orphans.length > 0) {
        await store.delete(taskId, orphans);
      }
    }
  }
}
