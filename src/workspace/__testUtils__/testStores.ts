import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { PACKS } from '../../database/tables';
import { StoreEntry } from '../storeConfig';

/** A store that tests use and damage. */
export type TestStore = {
  /** As it is configured. */
  entry: StoreEntry;
  /** Puts other bytes into a pack. */
  overwrite(taskId: string, pack: string, content: Buffer): Promise<void>;
  remove(): void | Promise<void>;
};

/** By type of store: how tests have one. */
const TEST_STORES = {
  database: async (knex: Knex): Promise<TestStore> => ({
    entry: { type: 'database' },
    overwrite: async (taskId, pack, content) => {
      await knex(PACKS).where({ task_id: taskId, pack }).update({ content });
    },
    remove: () => {},
  }),
  directory: async (): Promise<TestStore> => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'));
    return {
      entry: { type: 'directory', path: root },
      overwrite: async (taskId, pack, content) =>
        fs.writeFileSync(path.join(root, taskId, pack), content),
      remove: () => fs.rmSync(root, { recursive: true, force: true }),
    };
  },
};

export type TestStoreType = keyof typeof TEST_STORES;

export async function createTestStore(
  knex: Knex,
  type: TestStoreType,
): Promise<TestStore> {
  return TEST_STORES[type](knex);
}

/** Where a test has its database and its content. */
export type Place = { databaseId: TestDatabaseId; store: TestStoreType };

/** All that the tests of snapshots run on: each database, and each other store beside one of them. For `describe.each`, by name. */
export function eachPlace(databases: TestDatabases): [string, Place][] {
  const supported = databases.eachSupportedId().map(([id]) => id);
  const types = Object.keys(TEST_STORES) as TestStoreType[];
  const places = [
    ...TEST_DATABASE_IDS.map(id => ({ databaseId: id, store: 'database' })),
    ...types
      .filter(type => type !== 'database')
      .map(store => ({ databaseId: 'SQLITE_3', store })),
  ] as Place[];
  return places
    .filter(({ databaseId }) => supported.includes(databaseId))
    .map(place => [`${place.store} with ${place.databaseId}`, place]);
}
