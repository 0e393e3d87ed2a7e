import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  TIMEOUTS,
  STALE_TIMEOUT_SECONDS,
  handOver,
  listStale,
  readDelays,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  readTask,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import {
  InterruptedTaskUpdate,
  updateInterruptedTasks,
} from './updateInterruptedTasks';
import { isSqlite, secondsSilent } from '../../time';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'updateInterruptedTasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const update = (
      taskIds: string[],
      change: InterruptedTaskUpdate,
      states?: Map<string, string | null>,
    ) =>
      knex.transaction(tx =>
        updateInterruptedTasks(tx, { taskIds, ...TIMEOUTS, states }, change),
      );

    it('closes a task as of now, however long it was silent', async () => {
      const id = await insertTask(knex, { silentSeconds: 62 * 3600 });
      await update([id], { kind: 'close', status: 'failed' });
      const [row] = await knex(TASKS)
        .where({ id })
        .select({ seconds: secondsSilent(knex) });
      expect(row.seconds).toBeLessThan(60);
    });

    it('closes a task and clears its secrets', async () => {
      const id = await insertTask(knex);
      expect(await update([id], { kind: 'close', status: 'failed' })).toEqual([
        id,
      ]);
      expect(await readTask(knex, id)).toMatchObject({
        status: 'failed',
        secrets: null,
        state: expect.any(String),
      });
    });

    it('opens tasks, each with its own state and its secrets', async () => {
      const ids = [];
      for (let i = 0; i < 3; i++) {
        ids.push(await insertTask(knex, { state: `{"old":${i}}` }));
      }
      const states = new Map([
        [ids[0], '{"new":0}'],
        [ids[2], null],
      ]);
      const opened = await update(ids, { kind: 'open' }, states);
      expect(opened.sort()).toEqual([...ids].sort());
      for (const [i, state] of ['{"new":0}', '{"old":1}', null].entries()) {
        expect(await readTask(knex, ids[i])).toMatchObject({
          status: 'open',
          state,
          secrets: expect.stringContaining('very-secret'),
        });
      }
    });

    it('hands a task over by making it silent for longer than the scaffolder waits', async () => {
      const id = await insertTask(knex);
      expect(
        await update([id], {
          kind: 'handOver',
          staleTimeoutSeconds: STALE_TIMEOUT_SECONDS,
        }),
      ).toEqual([id]);
      expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
      expect(await listStale(knex)).toEqual([id]);
    });

    it('lets the scaffolder have some of the tasks later than the others', async () => {
      const [atOnce, soon, later] = [
        await insertTask(knex),
        await insertTask(knex),
        await insertTask(knex),
      ];
      await update([atOnce, soon, later], {
        kind: 'handOver',
        staleTimeoutSeconds: STALE_TIMEOUT_SECONDS,
        delays: new Map([
          [soon, 2.5],
          [later, 8],
        ]),
      });
      expect(await listStale(knex)).toContain(atOnce);
      expect(await readDelays(knex)).toEqual(
        // On SQLite there is no delay: there is no other process.
        new Map([
          [atOnce, 0],
          [soon, isSqlite(knex) ? 0 : 2.5],
          [later, isSqlite(knex) ? 0 : 8],
        ]),
      );
    });

    it('changes nothing if the task is no longer interrupted, or decided on', async () => {
      const beating = await insertTask(knex, { silentSeconds: 0 });
      const ended = await insertTask(knex, { status: 'completed' });
      const handedOver = await insertTask(knex);
      await handOver(knex, handedOver);
      const ids = [beating, ended, handedOver];
      const before = await Promise.all(ids.map(id => readTask(knex, id)));
      for (const change of [
        { kind: 'close', status: 'failed' },
        { kind: 'open' },
        { kind: 'handOver', staleTimeoutSeconds: STALE_TIMEOUT_SECONDS },
      ] as const) {
        expect(await update(ids, change)).toEqual([]);
      }
      expect(await Promise.all(ids.map(id => readTask(knex, id)))).toEqual(
        before,
      );
    });
  },
);
