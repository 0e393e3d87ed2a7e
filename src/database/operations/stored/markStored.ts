import { Knex } from 'knex';
import { DbStoredRow, STORED } from '../../tables';

/** Records that a store may have something of a task from now on. */
export async function markStored(
  knex: Knex,
  stored: { taskId: string; store: string },
): Promise<void> {
  const { taskId, store } = stored;
  await knex<DbStoredRow>(STORED)
    .insert({ task_id: taskId, store, emptied_at: null })
    .onConflict(['task_id', 'store'])
    .merge(['emptied_at']);
}
