import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { STORED } from '../../../database/tables';
import { StoreError } from '../../errors';
import { PackStore } from '../../stores/PackStore';
import { Stores } from '../../stores/Stores';
import { SLOW_MS, StoreCleaner } from './StoreCleaner';

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
        await sleep(SLOW_MS + 10);
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
      'Could not delete all leftovers of 3 tasks from the store away, trying again later',
    ]);
  },
);

it.each(databases.eachSupportedId())(
  'a task whose folder cannot be read keeps nobody from deleting what the others have left, on %s',
  async databaseId => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    const taskIds = Array.from({ length: 3 }, () => randomUUID());
    for (const taskId of taskIds) {
      await knex(STORED).insert({ task_id: taskId, store: 'there' });
    }
    const [unreadable, ...others] = taskIds;
    const deleted: string[] = [];
    const there = {
      list: async (taskId: string) => {
        if (taskId === unreadable) {
          throw new StoreError('EACCES');
        }
        return [randomUUID()];
      },
      delete: async (taskId: string) => {
        deleted.push(taskId);
      },
    } as unknown as PackStore;
    const logger = mockServices.logger.mock();
    const stores = new Stores({ id: 'there', store: there });
    await new StoreCleaner({ knex, stores, logger }).clean();
    expect(deleted.sort()).toEqual(others.sort());
    expect(logger.warn).toHaveBeenCalledTimes(1);
  },
);
