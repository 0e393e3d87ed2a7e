import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { PACKS } from '../../database/tables';
import { S3Server, TEST_BUCKET } from '../../../dev/harness/S3Server';
import { EncryptionKeys } from '../encryption/EncryptionKeys';
import { StoreEntry } from '../storeConfig';

/** A store that tests use and damage. */
export type TestStore = {
  /** As it is configured. */
  entry: StoreEntry;
  keys: EncryptionKeys;
  /** Its server, if it is a bucket. */
  s3?: S3Server;
  /** Puts other bytes into a pack. */
  overwrite(taskId: string, pack: string, content: Buffer): Promise<void>;
  remove(): void | Promise<void>;
};

/** A store without its keys. */
type PlainStore = Omit<TestStore, 'keys'>;

/** By type of store: how tests have one. */
const TEST_STORES = {
  database: async (knex: Knex): Promise<PlainStore> => ({
    entry: { type: 'database' },
    overwrite: async (taskId, pack, content) => {
      await knex(PACKS).where({ task_id: taskId, pack }).update({ content });
    },
    remove: () => {},
  }),
  directory: async (): Promise<PlainStore> => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'));
    return {
      entry: { type: 'directory', path: root },
      overwrite: async (taskId, pack, content) =>
        fs.writeFileSync(path.join(root, taskId, pack), content),
      remove: () => fs.rmSync(root, { recursive: true, force: true }),
    };
  },
  s3: async (): Promise<PlainStore> => {
    const server = await S3Server.start();
    const { endpoint } = server;
    return {
      entry: {
        type: 's3',
        bucket: TEST_BUCKET,
        endpoint,
        forcePathStyle: true,
      },
      overwrite: async (taskId, pack, content) =>
        server.overwrite(`${taskId}/${pack}`, content),
      s3: server,
      remove: () => server.remove(),
    };
  },
};

type TestStoreType = keyof typeof TEST_STORES;

export async function createTestStore(
  knex: Knex,
  place: Place,
): Promise<TestStore> {
  const keys = new EncryptionKeys(place.isEncrypted ? [randomBytes(32)] : []);
  return { ...(await TEST_STORES[place.store](knex)), keys };
}

/** Where a test has its database and its content. */
export type Place = {
  databaseId: TestDatabaseId;
  store: TestStoreType;
  isEncrypted?: boolean;
};

/**
 * All that the tests of snapshots run on: each database, and beside one of them each other store, and each store encrypted. For
 * `describe.each`, by name.
 */
export function eachPlace(databases: TestDatabases): [string, Place][] {
  const supported = databases.eachSupportedId().map(([id]) => id);
  const types = Object.keys(TEST_STORES) as TestStoreType[];
  const places = [
    ...TEST_DATABASE_IDS.map(id => ({ databaseId: id, store: 'database' })),
    ...types
      .filter(type => type !== 'database')
      .map(store => ({ databaseId: 'SQLITE_3', store })),
    ...types.map(store => ({
      ...{ databaseId: 'SQLITE_3', store, isEncrypted: true },
    })),
  ] as Place[];
  return places
    .filter(({ databaseId }) => supported.includes(databaseId))
    .map(place => [
      `${place.store}${place.isEncrypted ? ', encrypted,' : ''} with ${place.databaseId}`,
      place,
    ]);
}
