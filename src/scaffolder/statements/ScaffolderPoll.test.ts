import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { createBuiltIn } from '../../../dev/harness/inProcess/builtIn';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { secondsSinceServerStart } from '../../database/operations/server/secondsSinceServerStart';
import { ScaffolderPoll } from './ScaffolderPoll';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'ScaffolderPoll on %s',
  databaseId => {
    it('sees when the scaffolder polls, and nothing else', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
      const taskId = await insertTask(knex);
      const store = await createBuiltIn(knex, mockServices.logger.mock());
      let now = 0;
      const poll = new ScaffolderPoll(() => now);
      knex.on('query', ({ sql }) => poll.sent(sql));

      await store.heartbeatTask(taskId);
      await secondsSinceServerStart(knex);
      expect(poll.secondsUntilNext()).toBeUndefined();
      expect(poll.secondsSinceLast()).toBeUndefined();

      await store.recoverTasks({ timeout: { seconds: 30 } });
      expect(poll.secondsUntilNext()).toBe(10);
      now += 4_000;
      await store.heartbeatTask(taskId).catch(() => {});
      expect(poll.secondsUntilNext()).toBe(6);
      expect(poll.secondsSinceLast()).toBe(4);
      now += 6_500;
      expect(poll.secondsUntilNext()).toBe(0);
      now += 1_000;
      expect(poll.secondsUntilNext()).toBeUndefined();
    });
  },
);
