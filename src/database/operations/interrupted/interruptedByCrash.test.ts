import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  beat,
  idsOf,
  PAGE,
  TIMEOUTS,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../../scaffolder/tables';
import { SHUTDOWNS } from '../../tables';
import { isSqlite } from '../../time';
import { saveClaims } from '../processes/claims';
import { markInterrupted } from '../runs/markInterrupted';
import { DeadProcesses } from './interrupted';
import { listInterruptedTasks } from './listInterruptedTasks';
import { lockInterruptedTasks } from './lockInterruptedTasks';
import { updateInterruptedTasks } from './updateInterruptedTasks';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'a task whose process is dead, on %s',
  databaseId => {
    let knex: Knex;
    const dead: DeadProcesses = { numbers: [4, 5], knownBy: 'lock' };

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    async function claimed(options: {
      silentSeconds: number;
      process?: number;
    }): Promise<string> {
      const { silentSeconds, process = 5 } = options;
      const taskId = await insertTask(knex, { silentSeconds });
      await saveClaims(knex, [{ taskId, process, recoveredEvent: 0 }]);
      return taskId;
    }
    const list = (deadProcesses?: DeadProcesses) =>
      idsOf(listInterruptedTasks(knex, { ...TIMEOUTS, deadProcesses }, PAGE));
    const lock = (taskIds: string[], deadProcesses?: DeadProcesses) =>
      knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds, ...TIMEOUTS, deadProcesses }),
      );

    it('is interrupted after five seconds of silence, on SQLite at once', async () => {
      const silent = await claimed({ silentSeconds: 8 });
      const beating = await claimed({ silentSeconds: 0 });
      await claimed({ silentSeconds: 8, process: 6 });
      await insertTask(knex, { silentSeconds: 8 });
      expect(await list()).toEqual([]);
      expect(await list({ ...dead, numbers: [] })).toEqual([]);
      const expected = isSqlite(knex) ? [beating, silent] : [silent];
      expect((await list(dead)).sort()).toEqual(expected.sort());
    });

    it('is decided on as one that crashed, with how that is known', async () => {
      const id = await claimed({ silentSeconds: 8 });
      const alive = await claimed({ silentSeconds: 40, process: 6 });
      expect(await lock([id])).toEqual([]);
      expect(await lock([id], dead)).toMatchObject([
        { id, interruptedBy: 'crash', knownBy: 'lock' },
      ]);
      expect(await lock([id], { ...dead, knownBy: 'pid' })).toMatchObject([
        { id, knownBy: 'pid' },
      ]);
      const [row] = await lock([alive], dead);
      expect(row.interruptedBy).toBe('silence');
      expect(row.knownBy).toBeUndefined();
    });

    it.each(['shutdown', 'connection'])(
      'is decided on as marked, if it is: by %s',
      async cause => {
        const id = await claimed({ silentSeconds: 8 });
        await markInterrupted(knex, [{ taskId: id, recoveredEvent: 0 }], {
          cause: 'shutdown',
        });
        await knex(SHUTDOWNS).update({ cause });
        for (const deadProcesses of [dead, undefined]) {
          const [row] = await lock([id], deadProcesses);
          expect(row).toMatchObject({ id, interruptedBy: cause });
          expect(row.knownBy).toBeUndefined();
        }
      },
    );

    it('is not interrupted if it was queued again since', async () => {
      const id = await claimed({ silentSeconds: 8 });
      await insertEvent(knex, id, 'recovered', {});
      expect(await list(dead)).toEqual([]);
    });

    const close = (taskId: string, deadProcesses?: DeadProcesses) =>
      knex.transaction(tx =>
        updateInterruptedTasks(
          tx,
          { taskIds: [taskId], ...TIMEOUTS, deadProcesses },
          { kind: 'close', status: 'failed' },
        ),
      );

    it('is changed', async () => {
      const id = await claimed({ silentSeconds: 8 });
      expect(await close(id)).toEqual([]);
      expect(await close(id, dead)).toEqual([id]);
    });

    if (databaseId !== 'SQLITE_3') {
      it('is left if it beat since', async () => {
        const id = await claimed({ silentSeconds: 8 });
        expect(await list(dead)).toEqual([id]);
        await beat(knex, id);
        expect(await lock([id], dead)).toEqual([]);
        expect(await close(id, dead)).toEqual([]);
      });
    }
  },
);
