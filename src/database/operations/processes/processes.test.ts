import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../../scaffolder/tables';
import { CLAIMS, PROCESSES } from '../../tables';
import { secondsAgo } from '../../time';
import { readFencingToken } from '../runs/readFencingToken';
import { forgetEndedTasks } from '../tasks/forgetEndedTasks';
import { deleteClaim, saveClaims } from './claims';
import { deleteProcesses } from './deleteProcesses';
import { listProcesses } from './listProcesses';
import { readHoldsLock } from './readHoldsLock';
import { saveProcess } from './saveProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('processes on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
    await knex(PROCESSES).delete();
  });

  const PROCESS = { number: 5, host: 'here', pid: 7, started: '99' };
  const claimant = async (taskId: string) =>
    (await knex(CLAIMS).where('task_id', taskId).first())?.process;

  it('store whether they hold their lock', async () => {
    expect(await readHoldsLock(knex, 5)).toBeUndefined();
    for (const holdsLock of [false, true, true, false]) {
      expect(await saveProcess(knex, { ...PROCESS, holdsLock })).toBe(true);
      expect(await readHoldsLock(knex, 5)).toBe(holdsLock);
    }
    expect(await listProcesses(knex, { oldSeconds: 60 })).toEqual([
      { ...PROCESS, holdsLock: false, isOld: false },
    ]);
    await knex(PROCESSES).update({ begun_at: secondsAgo(knex, 90) });
    expect(await listProcesses(knex, { oldSeconds: 60 })).toMatchObject([
      { isOld: true },
    ]);
  });

  it('do not take the number of another one', async () => {
    await saveProcess(knex, { ...PROCESS, holdsLock: false });
    for (const other of [{ host: 'there' }, { pid: 8 }, { started: null }]) {
      const process = { ...PROCESS, ...other, holdsLock: true };
      expect(await saveProcess(knex, process)).toBe(false);
    }
    expect(await readHoldsLock(knex, 5)).toBe(false);
  });

  it('are the ones that claimed a task last', async () => {
    const taskId = await insertTask(knex);
    const claim = (process: number, recoveredEvent: number) =>
      saveClaims(knex, [{ taskId, process, recoveredEvent }]);
    await claim(1, 0);
    // A claim of another process that was rolled back may come before.
    await claim(2, 0);
    expect(await claimant(taskId)).toBe(2);
    await insertEvent(knex, taskId, 'recovered', {});
    const { recoveredEvent } = await readFencingToken(knex, taskId);
    await claim(3, recoveredEvent);
    await claim(1, 0);
    expect(await claimant(taskId)).toBe(3);

    await deleteClaim(knex, { taskId, process: 1, recoveredEvent: 0 });
    await deleteClaim(knex, { taskId, process: 3, recoveredEvent: 0 });
    expect(await claimant(taskId)).toBe(3);
    await deleteClaim(knex, { taskId, process: 3, recoveredEvent });
    expect(await claimant(taskId)).toBeUndefined();
  });

  it('keep their rows while they have claims, which are forgotten with ended tasks', async () => {
    await saveProcess(knex, { ...PROCESS, holdsLock: false });
    const taskId = await insertTask(knex);
    await saveClaims(knex, [{ taskId, process: 5, recoveredEvent: 0 }]);
    await deleteProcesses(knex, [5, 6]);
    await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
    expect(await listProcesses(knex, { oldSeconds: 60 })).toHaveLength(1);

    await knex(TASKS).update({ status: 'completed' });
    await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
    expect(await claimant(taskId)).toBeUndefined();
    await deleteProcesses(knex, [6]);
    expect(await listProcesses(knex, { oldSeconds: 60 })).toHaveLength(1);
    await deleteProcesses(knex, [5]);
    expect(await listProcesses(knex, { oldSeconds: 60 })).toEqual([]);
  });
});
