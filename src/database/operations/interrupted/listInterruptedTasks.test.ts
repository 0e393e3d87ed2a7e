import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  TIMEOUTS,
  listInterrupted,
  handOver,
  beat,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { listInterruptedTasks } from './listInterruptedTasks';
import { ListedTask, Page } from '../tasks/paging/pages';
import { ATTEMPTS } from '../../tables';
import { secondsAgo } from '../../time';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'listInterruptedTasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const silentAgain = (taskId: string) =>
      knex.transaction(async tx => {
        // As if both the decision and the heartbeat after it lay back.
        await tx(ATTEMPTS)
          .where({ task_id: taskId })
          .update({ decided_at: secondsAgo(tx, 120) });
        await tx(TASKS)
          .where({ id: taskId })
          .update({ last_heartbeat_at: secondsAgo(tx, 60) });
      });

    it('lists running tasks that were silent for the timeout, and no others', async () => {
      const silent = await insertTask(knex, { silentSeconds: 660 });
      await insertTask(knex, { silentSeconds: 540 });
      await insertTask(knex, { silentSeconds: 0 });
      for (const status of ['open', 'completed', 'failed', 'cancelled']) {
        await insertTask(knex, { status });
      }
      expect(await listInterrupted(knex, 600)).toEqual([silent]);
    });

    it('counts a running task without a heartbeat from its creation', async () => {
      const id = await insertTask(knex, { silentSeconds: null });
      expect(await listInterrupted(knex)).toEqual([id]);
      expect(await listInterrupted(knex, 3600)).toEqual([]);
    });

    it('leaves out a task that was handed over until it was claimed and fell silent again', async () => {
      const id = await insertTask(knex);
      await handOver(knex, id);
      expect(await listInterrupted(knex)).toEqual([]);
      await beat(knex, id);
      expect(await listInterrupted(knex)).toEqual([]);
      await silentAgain(id);
      expect(await listInterrupted(knex)).toEqual([id]);
    });

    it('lists a task again that was handed over and then cancelled', async () => {
      const id = await insertTask(knex);
      await handOver(knex, id);
      await insertEvent(knex, id, 'cancelled', {});
      expect(await listInterrupted(knex)).toEqual([id]);
    });

    it('lists page by page, the oldest first, however close together they were created', async () => {
      const ids: string[] = [];
      for (const silentSeconds of [800, 600, 700, 700]) {
        ids.push(await insertTask(knex, { silentSeconds }));
      }
      const [oldest, youngest, ...same] = ids;
      // To the microsecond, where the database tells them apart.
      await knex(TASKS)
        .whereIn('id', same)
        .update({ created_at: secondsAgo(knex, 650) });
      const expected = [oldest, ...same.sort(), youngest];

      const listed: string[] = [];
      for (let after: ListedTask | undefined; ;) {
        const next: Page = { after, limit: 1 };
        const [task] = await listInterruptedTasks(knex, TIMEOUTS, next);
        if (!task) {
          break;
        }
        listed.push(task.id);
        after = task;
      }
      expect(listed).toEqual(expected);
    });
  },
);
