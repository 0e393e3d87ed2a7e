import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { SNAPSHOTS, STORED } from '../../../database/tables';
import { StoreError } from '../../errors';
import { Stores } from '../../stores/Stores';
import { OrphanCleaner } from './OrphanCleaner';
import { SLOW_MS } from './StoreCleaner';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

it.each(databases.eachSupportedId())(
  'a store that is away is asked once for the packs that no snapshot has, and for the other tasks when it is back, on %s',
  async databaseId => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    const taskIds: string[] = [];
    for (let i = 0; i < 4; i++) {
      const taskId = await insertTask(knex, { status: 'failed' });
      taskIds.push(taskId);
      await knex(SNAPSHOTS).insert({
        ...{ task_id: taskId, number: 1, kind: 'begin', epoch: 1 },
        ...{ last_event: 0, files: 0, bytes: 0, stored_bytes: 0 },
      });
      await knex(STORED).insert({ task_id: taskId, store: 'there' });
    }
    const asked: string[] = [];
    /** From which question on. */
    let awayFrom = 2;
    let failsAfterMs = SLOW_MS + 10;
    const store = {
      list: async (taskId: string) => {
        asked.push(taskId);
        if (asked.length >= awayFrom) {
          await sleep(failsAfterMs);
          throw new StoreError('It is away');
        }
        return [];
      },
      put: jest.fn(),
      get: jest.fn(),
      delete: jest.fn(),
    };
    const cleaner = new OrphanCleaner({
      knex,
      stores: new Stores({ id: 'there', store }),
      logger: mockServices.logger.mock(),
    });
    await cleaner.clean();
    expect(asked).toHaveLength(2);
    const [done] = asked.splice(0);
    awayFrom = Infinity;
    await cleaner.clean();
    expect(asked.sort()).toEqual(taskIds.filter(id => id !== done).sort());

    // What fails at once may concern one task only.
    failsAfterMs = 0;
    awayFrom = 1;
    asked.splice(0);
    await knex(SNAPSHOTS).update({ number: 2 });
    await cleaner.clean();
    expect(asked.sort()).toEqual([...taskIds].sort());
  },
);
