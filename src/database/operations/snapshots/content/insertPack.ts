import { Knex } from 'knex';
import { PACKS } from '../../../tables';

/** Stores a pack. One that is there already has the same content: packs are never changed. */
export async function insertPack(
  knex: Knex,
  pack: { taskId: string; pack: string; content: Buffer },
): Promise<void> {
  await knex(PACKS)
    .insert({ task_id: pack.taskId, pack: pack.pack, content: pack.content })
    .onConflict()
    .ignore();
}
