import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  TIMEOUTS,
  listInterrupted,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { lockInterruptedTasks } from '../interrupted/lockInterruptedTasks';
import { markInterrupted } from './markInterrupted';
import { readFencingToken } from './readFencingToken';
import { forgetEndedTasks } from '../tasks/forgetEndedTasks';
import { countInFlight } from '../tasks/countInFlight';
import { SHUTDOWNS } from '../../tables';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('a shutdown on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  const mark = (taskId: string, recoveredEvent = 0) =>
    markInterrupted(knex, [{ taskId, recoveredEvent }], { cause: 'shutdown' });

  const isPlanned = (taskId: string) =>
    knex.transaction(
      async tx =>
        (
          await lockInterruptedTasks(tx, {
            taskIds: [taskId],
            ...TIMEOUTS,
          })
        ).length > 0,
    );

  const recoveredEvent = async (taskId: string) => {
    await insertEvent(knex, taskId, 'recovered', {});
    return (await readFencingToken(knex, taskId)).recoveredEvent;
  };

  it('makes tasks count as interrupted after five seconds of silence', async () => {
    const silent = await insertTask(knex, { silentSeconds: 8 });
    const beating = await insertTask(knex, { silentSeconds: 0 });
    await mark(beating);
    expect(await listInterrupted(knex)).toEqual([]);
    await mark(silent);
    expect(await listInterrupted(knex)).toEqual([silent]);
    const counts = await countInFlight(knex, {
      ...TIMEOUTS,
      waitingSeconds: 15,
    });
    expect(counts.silent).toBe(1);
    const [row] = await knex.transaction(tx =>
      lockInterruptedTasks(tx, { taskIds: [silent], ...TIMEOUTS }),
    );
    expect(row).toMatchObject({ id: silent, interruptedBy: 'shutdown' });
  });

  it('says what the database said of a lost connection, until the process is asked to end as well', async () => {
    const id = await insertTask(knex, { silentSeconds: 8 });
    const run = { taskId: id, recoveredEvent: 0 };
    const read = () =>
      knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds: [id], ...TIMEOUTS }),
      );
    const problem = 'read ECONNRESET';
    expect(
      await markInterrupted(knex, [run], { cause: 'connection', problem }),
    ).toEqual([id]);
    expect(await read()).toMatchObject([
      { interruptedBy: 'connection', problem },
    ]);
    await mark(id);
    const [row] = await read();
    expect(row.interruptedBy).toBe('shutdown');
    expect(row.problem).toBeUndefined();
  });

  it('means nothing for a task that was queued again since', async () => {
    const id = await insertTask(knex, { silentSeconds: 8 });
    const before = await recoveredEvent(id);
    await mark(id, before);
    expect(await isPlanned(id)).toBe(true);
    const since = await recoveredEvent(id);
    expect(await isPlanned(id)).toBe(false);
    // A process that was stalled meanwhile marks a run that is not the last one.
    await mark(id, before);
    expect(await isPlanned(id)).toBe(false);
    await mark(id, since);
    await mark(id, before);
    expect(await isPlanned(id)).toBe(true);
  });

  it('is kept for running tasks only, and forgotten when they have ended', async () => {
    const running = await insertTask(knex);
    const ended = await insertTask(knex);
    const gone = randomUUID();
    await knex(TASKS).where('id', ended).update({ status: 'completed' });
    await markInterrupted(
      knex,
      [running, ended, gone].map(taskId => ({ taskId, recoveredEvent: 0 })),
      { cause: 'shutdown' },
    );
    expect(await knex(SHUTDOWNS).pluck('task_id')).toEqual([running]);
    await knex(TASKS).where('id', running).update({ status: 'completed' });
    await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
    expect(await knex(SHUTDOWNS).pluck('task_id')).toEqual([]);
  });
});
