import { Knex } from 'knex';
import { PACKS } from '../../../tables';

/** The ids of all packs of a task. */
export async function listPacks(knex: Knex, taskId: string): Promise<string[]> {
  return knex(PACKS).where('task_id', taskId).pluck('pack');
}
