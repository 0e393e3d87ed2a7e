import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { randomUUID } from 'node:crypto';
import {
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { STORED } from '../../database/tables';
import { StoreError } from '../engine/tree/StoreError';
import { PackStore } from '../stores/PackStore';
import { Stores } from '../stores/Stores';
import { StoreCleaner } from './StoreCleaner';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

it.each(databases.eachSupportedId())(
  'a store that is away is asked once for what tasks have left there, and another one is cleaned, on %s',
  async databaseId => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    /** Of tasks that were deleted. */
    const left = new Map<string, string[]>();
    for (let i = 0; i < 3; i++) {
      left.set(randomUUID(), [randomUUID()]);
    }
    for (const taskId of left.keys()) {
      for (const store of ['away', 'there']) {
        await knex(STORED).insert({ task_id: taskId, store });
      }
    }
    const away = {
      list: jest.fn(async () => {
        throw new StoreError('It is away');
      }),
    } as unknown as PackStore;
    const there = {
      list: async (taskId: string) => left.get(taskId)!,
      delete: async (taskId: string, names: string[]) => {
        expect(names).toEqual(left.get(taskId));
        left.set(taskId, []);
      },
    } as unknown as PackStore;
    const logger = mockServices.logger.mock();
    await new StoreCleaner({
      knex,
      stores: new Stores(
        { id: 'away', store: away },
        { id: 'there', store: there },
      ),
      logger,
    }).clean();
    expect(away.list).toHaveBeenCalledTimes(1);
    expect([...left.values()]).toEqual([[], [], []]);
    expect(logger.warn.mock.calls.map(([message]) => message)).toEqual([
      'Could not delete from the store away what 3 tasks have left there, which is tried again',
    ]);
  },
);
