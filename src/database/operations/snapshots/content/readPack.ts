import { Knex } from 'knex';
import { DbPackRow, PACKS } from '../../../tables';

/** The content of a pack, if it is there. */
export async function readPack(
  knex: Knex,
  pack: { taskId: string; pack: string },
): Promise<Buffer | undefined> {
  const row = await knex<DbPackRow>(PACKS)
    .where({ task_id: pack.taskId, pack: pack.pack })
    .first('content');
  return row?.content;
}
