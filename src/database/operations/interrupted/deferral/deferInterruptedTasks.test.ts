import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  TIMEOUTS,
  listInterrupted,
  handOver,
} from '../../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../../__testUtils__/scaffolderDatabase';
import { deferInterruptedTasks } from './deferInterruptedTasks';
import { secondsAgo } from '../../../time';
import { TASKS } from '../../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'deferInterruptedTasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    it('makes tasks count as interrupted and not as stale', async () => {
      const hold = (...taskIds: string[]) =>
        knex.transaction(tx =>
          deferInterruptedTasks(tx, {
            taskIds,
            ...TIMEOUTS,
            silentSeconds: 3000,
          }),
        );
      const id = await insertTask(knex, { silentSeconds: 4000 });
      expect(await hold(id)).toEqual([id]);
      expect(await listInterrupted(knex)).toEqual([id]);
      expect(
        await knex(TASKS)
          .where('last_heartbeat_at', '<=', secondsAgo(knex, 60))
          .pluck('id'),
      ).toEqual([]);

      const notSoon = await insertTask(knex, { silentSeconds: 2000 });
      const handedOver = await insertTask(knex);
      await handOver(knex, handedOver);
      expect(await hold(id, notSoon, handedOver)).toEqual([]);
    });
  },
);
