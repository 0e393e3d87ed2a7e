import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { PAGE, idsOf } from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  newAttempt,
  readLastAttempt,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../../../__testUtils__/rememberStrategy';
import { recordAttempts } from '../attempts/recordAttempts';
import { forgetEndedTasks } from '../tasks/forgetEndedTasks';
import { listTasksWithoutStrategy } from './listTasksWithoutStrategy';
import { rememberStrategies } from './rememberStrategies';
import { STRATEGIES } from '../../tables';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('strategies on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  const row = (task_id: string, strategy = 'restart') => ({
    task_id,
    strategy,
    source: 'template',
    remark: null,
  });

  it('are missing for tasks in flight only', async () => {
    const open = await insertTask(knex, { status: 'open' });
    const running = await insertTask(knex, { silentSeconds: 0 });
    await insertTask(knex, { status: 'completed' });
    const known = await insertTask(knex);
    await rememberStrategy(knex, row(known));
    const listed = await idsOf(listTasksWithoutStrategy(knex, PAGE));
    expect(listed.sort()).toEqual([open, running].sort());
  });

  it('stay what they were when the task was started', async () => {
    const id = await insertTask(knex);
    await rememberStrategy(knex, row(id, 'restart'));
    await rememberStrategy(knex, row(id, 'none'));
    expect(await knex(STRATEGIES).select('strategy')).toEqual([
      { strategy: 'restart' },
    ]);
  });

  it('are remembered however many there are, with remarks that PostgreSQL cannot store as they are', async () => {
    const ids = await Promise.all(
      Array.from({ length: 400 }, () => insertTask(knex)),
    );
    await rememberStrategies(
      knex,
      ids.map(id => ({ ...row(id), remark: 'a key\0 of \ud83d half' })),
    );
    const remarks = await knex(STRATEGIES).pluck('remark');
    expect(remarks).toEqual(ids.map(() => 'a key of \ufffd half'));
    await rememberStrategies(knex, []);
  });

  it('are forgotten when the task has ended', async () => {
    const open = await insertTask(knex, { status: 'open' });
    const running = await insertTask(knex);
    const ended = await insertTask(knex, { status: 'failed' });
    for (const id of [open, running, ended]) {
      await rememberStrategy(knex, row(id));
    }
    await knex.transaction(tx =>
      recordAttempts(
        tx,
        [running, ended].map(taskId => newAttempt({ taskId, attemptsUsed: 2 })),
      ),
    );
    await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
    expect((await knex(STRATEGIES).pluck('task_id')).sort()).toEqual(
      [open, running].sort(),
    );
    // And so is what counted against its limit, for a retry by hand.
    expect((await readLastAttempt(knex, running))?.spent).toBe(2);
    expect((await readLastAttempt(knex, ended))?.spent).toBe(0);
  });
});
