import { Knex } from 'knex';
import { deletePacks } from '../../database/operations/snapshots/content/deletePacks';
import { insertPack } from '../../database/operations/snapshots/content/insertPack';
import { listPacks } from '../../database/operations/snapshots/content/listPacks';
import { readPack } from '../../database/operations/snapshots/content/readPack';
import { toBuffer } from '../../util/toBuffer';
import { PackStore } from './PackStore';

/** One statement takes a limited number of values. */
const DELETED_AT_ONCE = 500;

/** Keeps packs in the scaffolder's database. */
export class DatabasePackStore implements PackStore {
  constructor(private readonly knex: Knex) {}

  async put(taskId: string, pack: string, bytes: Uint8Array): Promise<void> {
    await insertPack(this.knex, { taskId, pack, content: toBuffer(bytes) });
  }

  async get(taskId: string, pack: string): Promise<Uint8Array | undefined> {
    return readPack(this.knex, { taskId, pack });
  }

  async delete(taskId: string, packs: string[]): Promise<void> {
    for (let i = 0; i < packs.length; i += DELETED_AT_ONCE) {
      await deletePacks(this.knex, {
        taskId,
        packs: packs.slice(i, i + DELETED_AT_ONCE),
      });
    }
  }

  async list(taskId: string): Promise<string[]> {
    return listPacks(this.knex, taskId);
  }
}
