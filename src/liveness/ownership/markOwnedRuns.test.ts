import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import { listInterrupted } from '../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { SHUTDOWNS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { markOwnedRuns } from './markOwnedRuns';
import { OwnedRuns } from './OwnedRuns';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'markOwnedRuns on %s',
  databaseId => {
    let knex: Knex;
    let runs: OwnedRuns;
    const directory = createMockDirectory();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      directory.clear();
      const logger = mockServices.logger.mock();
      const folders = new RunFolders(directory.path, logger);
      runs = new OwnedRuns({ knex, folders });
      await knex(TASKS).delete();
    });

    const claimed = async () => {
      const id = await insertTask(knex, { silentSeconds: 0 });
      await runs.claimed(id);
      return id;
    };
    const begun = async () => {
      const id = await claimed();
      fs.mkdirSync(directory.resolve(id));
      return id;
    };
    const silent = () =>
      knex(TASKS).update({ last_heartbeat_at: secondsAgo(knex, 8) });

    it('makes the runs that have begun here recoverable after five seconds, and no others', async () => {
      const [first, second] = [await begun(), await begun()];
      await claimed();
      await insertTask(knex, { silentSeconds: 0 });
      await markOwnedRuns({ knex, runs });
      expect(await listInterrupted(knex)).toEqual([]);
      await silent();
      expect((await listInterrupted(knex)).sort()).toEqual(
        [first, second].sort(),
      );
    });

    it('has no effect on a run that was queued again since', async () => {
      const id = await begun();
      await runs.renewHeartbeats();
      await insertEvent(knex, id, 'recovered', {});
      await markOwnedRuns({ knex, runs });
      await silent();
      expect(await listInterrupted(knex)).toEqual([]);
    });

    it('marks nothing in a process that runs no task', async () => {
      await claimed();
      await markOwnedRuns({ knex, runs });
      expect(await knex(SHUTDOWNS)).toEqual([]);
    });
  },
);
