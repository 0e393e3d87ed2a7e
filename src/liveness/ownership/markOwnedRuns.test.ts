import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { listInterrupted } from '../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { SHUTDOWNS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { markOwnedRuns } from './markOwnedRuns';
import { OwnedRuns } from './OwnedRuns';
import { OwningProcess } from '../__testUtils__/OwningProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'markOwnedRuns on %s',
  databaseId => {
    const owner = OwningProcess.inEachTest(databases, databaseId);
    let knex: Knex;
    let runs: OwnedRuns;

    beforeEach(() => {
      ({ knex, runs } = owner);
    });

    const silent = () =>
      knex(TASKS).update({ last_heartbeat_at: secondsAgo(knex, 8) });

    it('makes the runs that have begun here recoverable after five seconds, and no others', async () => {
      const [first, second] = [await owner.running(), await owner.running()];
      await owner.claimed();
      await insertTask(knex, { silentSeconds: 0 });
      await markOwnedRuns({ knex, runs });
      expect(await listInterrupted(knex)).toEqual([]);
      await silent();
      expect((await listInterrupted(knex)).sort()).toEqual(
        [first, second].sort(),
      );
    });

    it('has no effect on a run that was queued again since', async () => {
      const id = await owner.running();
      await runs.renewHeartbeats();
      await insertEvent(knex, id, 'recovered', {});
      await markOwnedRuns({ knex, runs });
      await silent();
      expect(await listInterrupted(knex)).toEqual([]);
    });

    it('marks nothing in a process that runs no task', async () => {
      await owner.claimed();
      await markOwnedRuns({ knex, runs });
      expect(await knex(SHUTDOWNS)).toEqual([]);
    });
  },
);
