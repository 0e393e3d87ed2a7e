import { Knex } from 'knex';
import { isUnneeded } from '../../../database/operations/stored/leftovers';
import { PackStore } from '../PackStore';

/**
 * Deletes what a store beside the database has of a task, unless the task has snapshots.
 *
 * @returns how many packs were there, or nothing if the task needs them.
 * @throws what the database or the store says.
 */
export async function emptyStore(
  knex: Knex,
  { id, store, taskId }: { id: string; store: PackStore; taskId: string },
): Promise<number | undefined> {
  const packs = await store.list(taskId);
  // Asked after what is there: a run that began before has a row by now, and what one writes that begins later is not in the list.
  if (!(await isUnneeded(knex, { taskId, store: id }))) {
    return undefined;
  }
  await store.delete(taskId, packs);
  return packs.length;
}
