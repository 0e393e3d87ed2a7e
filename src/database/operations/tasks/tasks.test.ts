import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { waitFor } from '../../../../dev/harness/waitFor';
import { isSqlite } from '../../time';
import { saveClaims } from '../processes/claims';
import { countInFlight } from './countInFlight';
import { lockEnded } from './locks/lockEnded';
import { lockTask } from './locks/lockTask';
import { readTaskSpecs } from './readTaskSpecs';
import { selectTasks } from './selectTasks';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('tasks on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  it('countInFlight counts what there may be to do', async () => {
    const count = () =>
      countInFlight(knex, {
        timeoutSeconds: 30,
        waitingSeconds: 15,
      });
    const none = {
      silent: 0,
      orphanCandidates: 0,
      waiting: 0,
      withSecrets: 0,
      databaseSeconds: expect.any(Number),
    };
    const begin = Date.now() / 1000;
    expect(await count()).toEqual(none);
    const { databaseSeconds } = await count();
    expect(Math.abs(databaseSeconds - begin)).toBeLessThan(60);
    for (const status of ['completed', 'failed', 'cancelled']) {
      await insertTask(knex, { status });
    }
    await insertTask(knex, { silentSeconds: 5, secrets: null });
    await insertTask(knex, { status: 'open', silentSeconds: 0 });
    expect(await count()).toEqual(none);
    await insertTask(knex, { silentSeconds: 40, secrets: null });
    expect(await count()).toEqual({ ...none, silent: 1 });
    await insertTask(knex, { silentSeconds: 0 });
    await insertTask(knex, { status: 'open', silentSeconds: 20 });
    await insertTask(knex, { status: 'open', silentSeconds: null });
    expect(await count()).toEqual({
      ...none,
      silent: 1,
      waiting: 2,
      withSecrets: 1,
    });
  });

  it('countInFlight counts the tasks that may have died with another process', async () => {
    const process = 1;
    const count = async () =>
      (
        await countInFlight(knex, {
          timeoutSeconds: 30,
          waitingSeconds: 15,
          process,
        })
      ).orphanCandidates;
    const claim = async (silentSeconds: number, claimant: number) =>
      saveClaims(knex, [
        {
          taskId: await insertTask(knex, { silentSeconds }),
          process: claimant,
          recoveredEvent: 0,
        },
      ]);
    await claim(20, process);
    await insertTask(knex, { silentSeconds: 20 });
    expect(await count()).toBe(0);
    await claim(0, 2);
    // On SQLite it is known of a process that beat a moment ago that it is gone.
    expect(await count()).toBe(isSqlite(knex) ? 1 : 0);
    await claim(8, 2);
    expect(await count()).toBe(isSqlite(knex) ? 2 : 1);
  });

  describe('lockTask', () => {
    it('reads whether a task runs now', async () => {
      const cases = [
        [{ silentSeconds: 0 }, true],
        [{ silentSeconds: 60 }, false],
        [{ status: 'open', silentSeconds: 0 }, false],
        [{ status: 'completed', silentSeconds: 0 }, false],
      ] as const;
      for (const [task, running] of cases) {
        const taskId = await insertTask(knex, task);
        expect(
          await knex.transaction(tx =>
            lockTask(tx, { taskId, timeoutSeconds: 30 }),
          ),
        ).toEqual({ running });
      }
      expect(
        await knex.transaction(tx =>
          lockTask(tx, { taskId: randomUUID(), timeoutSeconds: 30 }),
        ),
      ).toBeUndefined();
    });
  });

  describe('lockEnded', () => {
    it.each([
      ['open', false],
      ['processing', false],
      ['completed', true],
      ['failed', true],
      ['cancelled', true],
    ])('finds of a task that is %s: %s', async (status, expected) => {
      const taskId = await insertTask(knex, { status });
      expect(await knex.transaction(tx => lockEnded(tx, taskId))).toBe(
        expected,
      );
    });

    it('finds that a deleted task has ended', async () => {
      expect(await knex.transaction(tx => lockEnded(tx, randomUUID()))).toBe(
        true,
      );
    });

    it('lets others refer to the task, and a retry wait until the transaction is over', async () => {
      // SQLite has one connection.
      if (isSqlite(knex)) {
        return;
      }
      const taskId = await insertTask(knex, { status: 'failed' });
      let isRetried = false;
      let retry: Promise<unknown> | undefined;
      await knex.transaction(async tx => {
        await lockEnded(tx, taskId);
        await saveClaims(knex, [{ taskId, process: 1, recoveredEvent: 0 }]);
        retry = knex(TASKS)
          .where('id', taskId)
          .update({ status: 'open' })
          .then(() => {
            isRetried = true;
          });
        await waitFor('the retry to wait', async () => {
          const { rows } = await knex.raw(
            `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'update "tasks"%' and datname = current_database()`,
          );
          return rows.length > 0;
        });
        expect(isRetried).toBe(false);
      });
      await retry;
    });
  });

  it('readTaskSpecs reads specs as they are stored', async () => {
    const id = await insertTask(knex, { spec: '{broken' });
    expect(await readTaskSpecs(knex, [id, randomUUID()])).toEqual(
      new Map([[id, '{broken']]),
    );
  });

  it('selectTasks finds which of many ids are tasks', async () => {
    const id = await insertTask(knex);
    const ids = [...Array.from({ length: 1200 }, () => randomUUID()), id];
    expect(await selectTasks(knex, ids)).toEqual([id]);
    expect(await selectTasks(knex, [])).toEqual([]);
  });
});
