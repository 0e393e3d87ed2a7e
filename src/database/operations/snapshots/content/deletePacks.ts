import { Knex } from 'knex';
import { PACKS } from '../../../tables';

/** Deletes some packs of a task. */
export async function deletePacks(
  knex: Knex,
  options: { taskId: string; packs: string[] },
): Promise<void> {
  await knex(PACKS)
    .where('task_id', options.taskId)
    .whereIn('pack', options.packs)
    .delete();
}
