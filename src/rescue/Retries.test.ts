import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { createBuiltIn } from '../../dev/harness/inProcess/builtIn';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  readEvents,
  readTask,
  TEST_DATABASE_IDS,
  TestTask,
} from '../__testUtils__/scaffolderDatabase';
import { listInterruptedTasks } from '../database/operations/interrupted/listInterruptedTasks';
import { recordAttempts } from '../database/operations/attempts/recordAttempts';
import { recordRetry } from '../database/operations/attempts/recordRetry';
import { ATTEMPTS, STRATEGIES } from '../database/tables';
import { TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';
import { Retries } from './Retries';
import { TaskStrategy } from '../decision/strategy';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

const idempotent: TaskStrategy = {
  strategy: 'idempotent',
  source: 'template',
  remark: 'as it is now',
  maxAttempts: 7,
};

describe.each(databases.eachSupportedId())('Retries on %s', databaseId => {
  let knex: Knex;
  let store: {
    retryTask(options: { taskId: string; secrets?: object }): Promise<void>;
  };
  let strategy: TaskStrategy | undefined;
  const logger = mockServices.logger.mock();
  let retries: Retries | undefined;
  const listener = (builder: Knex.QueryBuilder) => retries?.starts(builder);

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    store = (await createBuiltIn(knex, logger)) as never;
    knex.on('start', listener);
  });

  afterAll(() => {
    knex.removeListener('start', listener);
  });

  beforeEach(async () => {
    jest.clearAllMocks();
    await knex(TASKS).delete();
    strategy = idempotent;
    retries = new Retries({
      knex,
      config: {},
      memory: { lookUpSoon: async () => strategy },
      logger,
    });
  });

  /** A task that finished step one, saved a checkpoint, and failed in step two. */
  async function failed(task: TestTask = {}): Promise<string> {
    const id = await insertTask(knex, {
      status: 'failed',
      completed: ['one'],
      checkpoints: { 'v1.task.checkpoint.two.x': { status: 'success' } },
      ...task,
    });
    for (const [stepId, status] of [
      ['one', 'processing'],
      ['one', 'completed'],
      ['two', 'processing'],
      ['two', 'failed'],
      ['three', 'skipped'],
    ]) {
      await insertEvent(knex, id, 'log', { message: '', stepId, status });
    }
    await insertEvent(knex, id, 'completion', { message: '' });
    return id;
  }

  /** As the scaffolder's API does it. */
  async function retry(id: string): Promise<void> {
    const answered = await retries!.plan(id);
    await store.retryTask({ taskId: id, secrets: { token: 'new' } });
    await answered({ isStarted: true });
  }

  const stateOf = async (id: string) =>
    JSON.parse((await readTask(knex, id)).state!).state;
  const kept = async (id: string) => Object.keys((await stateOf(id)).steps);
  const attemptsOf = (id: string) =>
    knex(ATTEMPTS).where({ task_id: id }).orderBy('attempt');

  it('keeps what need not run again of an idempotent task, with its checkpoints', async () => {
    const id = await failed();
    await retry(id);
    expect(await readTask(knex, id)).toMatchObject({
      status: 'open',
      secrets: '{"token":"new"}',
    });
    expect(await kept(id)).toEqual(['one']);
    expect((await stateOf(id)).checkpoints).toEqual({
      'v1.task.checkpoint.two.x': { status: 'success' },
    });
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringMatching(
        `^Task ${id} of template:default/sample, .*goes on at step 'two'; started again after`,
      ),
    );
  });

  it.each([
    ['with restart', { strategy: 'restart', source: 'template' }],
    ['with none', { strategy: 'none', source: 'template' }],
    ['without a strategy', { strategy: 'none', source: 'default' }],
    ['whose strategy cannot be looked up', undefined],
  ] as const)('lets all steps run of a task %s', async (_, known) => {
    strategy = known;
    const id = await failed();
    await retry(id);
    expect(await stateOf(id)).toEqual({
      checkpoints: { 'v1.task.checkpoint.two.x': { status: 'success' } },
      steps: {},
    });
    expect(await attemptsOf(id)).toMatchObject([
      {
        trigger: 'retry',
        decision: 'restart',
        strategy: known?.strategy ?? null,
      },
    ]);
  });

  it('lets all steps run of a task that had completed', async () => {
    const id = await failed({ status: 'completed' });
    await retry(id);
    expect(await kept(id)).toEqual([]);
  });

  it('goes by the strategy of the last decision while the catalog does not tell', async () => {
    strategy = undefined;
    const id = await failed();
    await knex.transaction(tx =>
      recordAttempts(tx, [
        newAttempt({
          taskId: id,
          strategy: 'idempotent',
          strategySource: 'template',
        }),
      ]),
    );
    await retry(id);
    expect(await kept(id)).toEqual(['one']);
  });

  it('lets all steps run, with the checkpoints, when it was not asked before, whatever the outputs hold', async () => {
    const value = 'a\0b \ud800 \\uf8ff \uf8ff\ue0ff';
    const checkpoints = { key: { status: 'success', value } };
    const id = await failed({ checkpoints });
    await store.retryTask({ taskId: id });
    expect(await stateOf(id)).toEqual({ checkpoints, steps: {} });
    expect((await readTask(knex, id)).status).toBe('open');
  });

  it.each([null, '{}', '{"state":null}'])(
    'starts a task that has recorded nothing: %s',
    async state => {
      for (const start of [
        retry,
        (id: string) => store.retryTask({ taskId: id }),
      ]) {
        const id = await failed({ state });
        await start(id);
        const task = await readTask(knex, id);
        expect(task.status).toBe('open');
        expect(JSON.parse(task.state ?? '{}').state?.steps ?? {}).toEqual({});
      }
    },
  );

  it('takes a state away that no worker could read, which would block the queue', async () => {
    const id = await failed({ state: '{"state":' });
    await retry(id);
    expect(await readTask(knex, id)).toMatchObject({
      status: 'open',
      state: null,
    });
  });

  it('lets all steps run when the task has changed since it was planned', async () => {
    const id = await failed();
    const answered = await retries!.plan(id);
    const state = { state: { checkpoints: { new: {} }, steps: { one: {} } } };
    await knex(TASKS)
      .where({ id })
      .update({ state: JSON.stringify(state) });
    await store.retryTask({ taskId: id });
    await answered({ isStarted: true });
    expect(await stateOf(id)).toEqual({ checkpoints: { new: {} }, steps: {} });
  });

  it('leaves tasks alone that the scaffolder refuses, and records nothing of them', async () => {
    const id = await failed({ status: 'processing' });
    const answered = await retries!.plan(id);
    await expect(store.retryTask({ taskId: id })).rejects.toThrow(
      'cannot be retried',
    );
    await answered({ isStarted: false });
    expect(await kept(id)).toEqual(['one']);
    expect(await attemptsOf(id)).toEqual([]);

    const other = await failed();
    await (
      await retries!.plan(other)
    )({ isStarted: false });
    expect(await kept(other)).toEqual(['one']);
    expect(await attemptsOf(other)).toEqual([]);
  });

  it('lets a task go on that ended while its retry was asked for', async () => {
    const id = await failed({ status: 'processing' });
    const answered = await retries!.plan(id);
    await knex(TASKS).where({ id }).update({ status: 'failed' });
    await store.retryTask({ taskId: id });
    await answered({ isStarted: true });
    expect(await kept(id)).toEqual(['one']);

    const completed = await failed({ status: 'processing' });
    await retries!.plan(completed);
    await knex(TASKS).where({ id: completed }).update({ status: 'completed' });
    await store.retryTask({ taskId: completed });
    expect(await kept(completed)).toEqual([]);
  });

  it('loses no plan to another request that is refused meanwhile', async () => {
    for (const refusedFirst of [true, false]) {
      const id = await failed();
      const first = await retries!.plan(id);
      const second = await retries!.plan(id);
      const [refused, accepted] = refusedFirst
        ? [first, second]
        : [second, first];
      await refused({ isStarted: false });
      await store.retryTask({ taskId: id });
      await accepted({ isStarted: true });
      expect(await kept(id)).toEqual(['one']);
      expect(await attemptsOf(id)).toMatchObject([{ trigger: 'retry' }]);
    }
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('takes no stored files away while the template is not in the catalog, without which it is refused', async () => {
    await knex.schema.createTable('scaffolder_task_workspaces', table => {
      table.string('task_id').primary();
    });
    const createRetries = () =>
      new Retries({
        knex,
        config: { workspaceProvider: 'database' },
        memory: { lookUpSoon: async () => strategy },
        logger,
      });
    const stored = () => knex('scaffolder_task_workspaces').pluck('task_id');
    const id = await failed();
    await knex('scaffolder_task_workspaces').insert({ task_id: id });
    for (const unknown of [
      undefined,
      { strategy: 'none', source: 'gone' } as const,
    ]) {
      strategy = unknown;
      await createRetries().plan(id);
      expect(await stored()).toEqual([id]);
    }
    strategy = { strategy: 'restart', source: 'template' };
    await createRetries().plan(id);
    expect(await stored()).toEqual([]);
    await knex.schema.dropTable('scaffolder_task_workspaces');
  });

  it('changes no other statement', async () => {
    const id = await failed({ status: 'processing' });
    await knex(TASKS)
      .where({ id, status: 'processing' })
      .update({ status: 'open' });
    await knex(TASKS)
      .where({ id })
      .whereIn('status', ['open'])
      .update({ secrets: '{"a":1}' });
    expect(await kept(id)).toEqual(['one']);
  });

  it('records it as an attempt that counts against no limit, and how the one before had ended', async () => {
    const id = await failed();
    await knex.transaction(tx =>
      recordAttempts(tx, [newAttempt({ taskId: id, attemptsUsed: 3 })]),
    );
    await retry(id);
    expect(await attemptsOf(id)).toMatchObject([
      { attempt: 1, trigger: 'interruption', outcome: 'failed' },
      {
        attempt: 2,
        trigger: 'retry',
        decision: 'resume',
        interrupted_at: 'two',
        skipped_steps: '["one"]',
        steps_again: '[]',
        seconds_silent: null,
        spent: 0,
        finished_steps: 1,
        outcome: 'waiting',
      },
    ]);
    expect(await knex(STRATEGIES).where({ task_id: id })).toMatchObject([
      { strategy: 'idempotent', remark: 'as it is now', max_attempts: 7 },
    ]);
    const [line] = (await readEvents(knex, id)).slice(-1);
    expect(line).toEqual({
      type: 'log',
      body: {
        stepId: 'two',
        message: expect.stringMatching(/^Started again after it had ended/),
      },
    });
  });

  it.each(['scaffolder_recovery_attempts', 'tasks'])(
    'plans and records it also when a connection is lost at its first statement for %s',
    async table => {
      const id = await failed();
      let isLost = false;
      const lose = (builder: any) => {
        if (!isLost && builder._single?.table === table) {
          isLost = true;
          throw new Error('Connection terminated unexpectedly');
        }
      };
      knex.on('start', lose);
      await retry(id).finally(() => knex.removeListener('start', lose));
      expect(isLost).toBe(true);
      expect(await kept(id)).toEqual(['one']);
      expect(await attemptsOf(id)).toMatchObject([
        { attempt: 1, trigger: 'retry', decision: 'resume' },
      ]);
      expect(logger.warn).not.toHaveBeenCalled();
    },
  );

  it('is not recorded after its run was decided on, which would then look like undecided', async () => {
    const id = await failed();
    const answered = await retries!.plan(id);
    await store.retryTask({ taskId: id });
    const decided = newAttempt({ taskId: id, attempt: 1 });
    await knex.transaction(tx => recordAttempts(tx, [decided]));
    await answered({ isStarted: true });
    expect(await attemptsOf(id)).toMatchObject([
      { attempt: 1, trigger: 'interruption', outcome: 'waiting' },
    ]);
    expect(logger.warn).toHaveBeenCalledWith(
      expect.stringContaining('interrupted and decided on first'),
    );
  });

  it('is recorded once, also by two calls of which the first seemed to fail', async () => {
    const id = await failed();
    const options = {
      endedAs: 'failed',
      attempt: newAttempt({ taskId: id, attempt: 1 }),
      lines: [
        { taskId: id, type: 'log' as const, body: { message: 'said once' } },
      ],
    };
    expect(await recordRetry(knex, options)).toBe(true);
    expect(await recordRetry(knex, options)).toBe(true);
    expect(await attemptsOf(id)).toMatchObject([{ trigger: 'retry' }]);
    const said = (await readEvents(knex, id)).filter(
      e => e.body.message === 'said once',
    );
    expect(said).toHaveLength(1);
  });

  it('does not look like a hand-over when its run is interrupted before its second heartbeat', async () => {
    const id = await failed();
    await retry(id);
    await knex(TASKS).where({ id }).update({ status: 'processing' });
    const [attempt] = await attemptsOf(id);
    const { last_heartbeat_at } = await readTask(knex, id);
    expect(new Date(attempt.decided_at).getTime()).toBeLessThanOrEqual(
      new Date(last_heartbeat_at!).getTime() +
        (databaseId === 'SQLITE_3' ? 1000 : 0),
    );
    // Time passes.
    await knex(TASKS)
      .where({ id })
      .update({ last_heartbeat_at: secondsAgo(knex, 60) });
    await knex(ATTEMPTS)
      .where({ task_id: id })
      .update({ decided_at: secondsAgo(knex, 61) });
    const timeouts = { timeoutSeconds: 30, taskTimeoutSeconds: 86_400 };
    const listed = await listInterruptedTasks(knex, timeouts, { limit: 5 });
    expect(listed.map(task => task.id)).toEqual([id]);
  });

  it('logs it when the task was started by a statement that it does not know', async () => {
    const id = await failed();
    const answered = await retries!.plan(id);
    await answered({ isStarted: true });
    expect(logger.error).toHaveBeenCalledWith(
      expect.stringContaining('a statement that this module does not know'),
    );
    expect(await attemptsOf(id)).toEqual([]);
  });

  it('is under way until the request has been answered', async () => {
    const id = await failed();
    expect(retries!.areUnderWay).toBe(false);
    const planning = retries!.plan(id);
    const other = retries!.plan('no task');
    expect(retries!.areUnderWay).toBe(true);
    await (
      await other
    )({ isStarted: false });
    expect(retries!.areUnderWay).toBe(true);
    await (
      await planning
    )({ isStarted: false });
    expect(retries!.areUnderWay).toBe(false);
  });

  it('costs the scaffolder one statement', async () => {
    const id = await failed();
    const sent: string[] = [];
    const count = ({ sql }: { sql: string }) => sent.push(sql);
    knex.on('query', count);
    const answered = await retries!.plan(id);
    const before = sent.length;
    await store.retryTask({ taskId: id });
    const ofRetry = sent.length - before;
    await answered({ isStarted: false });
    const other = await failed();
    sent.length = 0;
    await store.retryTask({ taskId: other });
    knex.removeListener('query', count);
    expect(before).toBe(1);
    expect(ofRetry).toBe(sent.length);
  });
});
