import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { saveClaims } from '../../database/operations/processes/claims';
import { readLockClass } from '../../database/operations/processes/locks';
import { saveProcess } from '../../database/operations/processes/saveProcess';
import { secondsSinceServerStart } from '../../database/operations/server/secondsSinceServerStart';
import { PROCESSES } from '../../database/tables';
import { secondsAgo } from '../../database/time';
import { TASKS } from '../../scaffolder/tables';
import { SETTLING_SECONDS } from '../Settling';
import { findDeadProcesses } from './findDeadProcesses';
import { pruneProcesses } from './pruneProcesses';
import { readThisProcess } from './thisProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'findDeadProcesses on %s',
  databaseId => {
    let knex: Knex;
    const here = readThisProcess();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
      await waitFor(
        'the server to be up for long enough',
        async () => (await secondsSinceServerStart(knex)) > SETTLING_SECONDS,
      );
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
      await knex(PROCESSES).delete();
    });

    const find = (as: Knex = knex) => findDeadProcesses(as, here);
    const numbers = async () => (await knex(PROCESSES).pluck('number')).sort();

    /** Two processes, of which the first is dead. */
    async function saveTwo(): Promise<{ end: () => Promise<void> }> {
      if (databaseId === 'SQLITE_3') {
        const child = spawn(process.execPath, ['-e', '']);
        await once(child, 'exit');
        const dead = { host: here.host, pid: child.pid!, started: null };
        await saveProcess(knex, { ...dead, number: 1, holdsLock: false });
        await saveProcess(knex, { ...here, number: 2, holdsLock: false });
        return { end: async () => {} };
      }
      await saveProcess(knex, { ...here, number: 1, holdsLock: true });
      await saveProcess(knex, { ...here, number: 2, holdsLock: true });
      const session = await knex.client.acquireRawConnection();
      const lockClass = await readLockClass(knex);
      await session.query('select pg_advisory_lock_shared($1, 2)', [lockClass]);
      return { end: () => session.end() };
    }

    it('finds those that are, and no others', async () => {
      const { end } = await saveTwo();
      const knownBy = databaseId === 'SQLITE_3' ? 'pid' : 'lock';
      expect(await find()).toEqual({ numbers: [1], knownBy });
      await knex.transaction(async tx => {
        expect(await find(tx)).toEqual({ numbers: [1], knownBy });
      });
      await end();
    });

    it('removes the rows of those that no task needs, and of those that nothing is known of for a day', async () => {
      const { end } = await saveTwo();
      const elsewhere = { host: 'elsewhere', pid: 1, started: null };
      for (const number of [3, 4]) {
        await saveProcess(knex, { ...elsewhere, number, holdsLock: false });
      }
      await knex(PROCESSES)
        .whereIn('number', [2, 4])
        .update({ begun_at: secondsAgo(knex, 90_000) });
      const taskId = await insertTask(knex);
      await saveClaims(knex, [{ taskId, process: 1, recoveredEvent: 0 }]);
      await pruneProcesses(knex, here);
      expect(await numbers()).toEqual([1, 2, 3]);
      await knex(TASKS).delete();
      await pruneProcesses(knex, here);
      expect(await numbers()).toEqual([2, 3]);
      await end();
    });

    if (databaseId === 'SQLITE_3') {
      it('says nothing of processes of another host', async () => {
        await saveTwo();
        await knex(PROCESSES).update({ host: 'elsewhere' });
        expect((await find()).numbers).toEqual([]);
      });
    } else {
      it('says nothing of processes that could not take their lock', async () => {
        const { end } = await saveTwo();
        await knex(PROCESSES).update({ holds_lock: false });
        expect((await find()).numbers).toEqual([]);
        await end();
      });

      it('takes no lock of another class or kind for that of a process', async () => {
        const { end } = await saveTwo();
        const session = await knex.client.acquireRawConnection();
        await session.query('select pg_advisory_lock_shared(1, 1)');
        await session.query(
          'select pg_advisory_lock_shared(($1::int8 << 32) + 1)',
          [await readLockClass(knex)],
        );
        expect((await find()).numbers).toEqual([1]);
        await session.end();
        await end();
      });
    }
  },
);
