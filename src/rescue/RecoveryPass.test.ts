import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { RecoveryConfig } from '../config';
import { markShutdown } from '../database/operations/runs/markShutdown';
import { rememberStrategy } from '../database/operations/strategies/rememberStrategy';
import { ATTEMPTS, STRATEGIES } from '../database/tables';
import { TASK_EVENTS, TASKS } from '../scaffolder/tables';
import { isSqlite, secondsAgo } from '../database/time';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  readAttempts,
  readEvents,
  readLastAttempt,
  readTask,
  TestTask,
  TEST_DATABASE_IDS,
  withRowsReversed,
} from '../__testUtils__/scaffolderDatabase';
import { OwnedRuns } from '../liveness/OwnedRuns';
import { BatchDecider, DecisionCounts } from './batch/BatchDecider';
import { batchesAtOnce } from './batch/batchesAtOnce';
import { ScaffolderPoll } from '../scaffolder/statements/ScaffolderPoll';
import { createRecoveryPass } from './createRecoveryPass';
import { Settling } from '../liveness/Settling';
import { Strategy } from '../decision/strategy';
import { RunFolders } from '../workspace/folders/RunFolders';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

const nothing: DecisionCounts = {
  cancelled: 0,
  failed: 0,
  finish: 0,
  restart: 0,
  resume: 0,
  later: 0,
  error: 0,
};

describe.each(databases.eachSupportedId())('RecoveryPass on %s', databaseId => {
  let knex: Knex;
  const directory = createMockDirectory();
  const logger = mockServices.logger.mock();
  const events = mockServices.events.mock();
  const listener = { decided: jest.fn(), undecided: jest.fn() };
  let now = 0;
  let runs: OwnedRuns;
  let settling: Settling;
  let poll: ScaffolderPoll;

  const createPass = (
    config: Partial<RecoveryConfig> = {},
    folders = new RunFolders(directory.path, logger),
  ) => {
    return createRecoveryPass({
      knex,
      config: {
        timeoutSeconds: 30,
        staleTimeoutSeconds: 3600,
        taskTimeoutSeconds: 86_400,
        concurrentTasks: 10,
        workingDirectory: directory.path,
        exitWhenTakenOver: false,
        maxAttempts: 3,
        notify: false,
        ...config,
      },
      folders,
      runs,
      settling,
      poll,
      events,
      listener,
      logger,
    });
  };

  /** A task that ran into step two, having finished step one. */
  async function interrupted(
    strategy: Strategy | undefined,
    task: TestTask = {},
  ): Promise<string> {
    const id = await insertTask(knex, { completed: ['one'], ...task });
    for (const [stepId, status] of [
      ['one', 'processing'],
      ['one', 'completed'],
      ['two', 'processing'],
    ]) {
      await insertEvent(knex, id, 'log', { message: '', stepId, status });
    }
    if (strategy) {
      await rememberStrategy(knex, {
        task_id: id,
        strategy,
        source: 'template',
        remark: null,
      });
    }
    return id;
  }

  /** Without the line breaks between the sentences, which one test looks at. */
  const newEvents = async (id: string) =>
    (await readEvents(knex, id)).slice(3).map(({ type, body }) => ({
      type,
      body:
        'message' in body
          ? { ...body, message: body.message.replaceAll('\n', ' ') }
          : body,
    }));
  const stepsOf = async (id: string) =>
    Object.keys(JSON.parse((await readTask(knex, id)).state!).state.steps);
  const isStale = async (id: string) =>
    (
      await knex(TASKS)
        .where('last_heartbeat_at', '<=', secondsAgo(knex, 3600))
        .pluck('id')
    ).includes(id);

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    jest.clearAllMocks();
    events.publish.mockResolvedValue(undefined);
    directory.clear();
    settling = new Settling(() => now);
    poll = new ScaffolderPoll(() => 0);
    runs = new OwnedRuns({
      knex,
      folders: new RunFolders(directory.path, logger),
    });
    await knex(TASKS).delete();
  });

  it('closes a task whose strategy is none, with the reason under the step that ran', async () => {
    const id = await interrupted('none');
    expect(await createPass().runOnce()).toEqual({ ...nothing, failed: 1 });

    expect(await readTask(knex, id)).toMatchObject({
      status: 'failed',
      secrets: null,
    });
    const message = expect.stringMatching(
      /^Interrupted at step 'two': .* strategy 'none'/,
    );
    expect(await newEvents(id)).toEqual([
      { type: 'log', body: { message, stepId: 'two', status: 'failed' } },
      {
        type: 'completion',
        body: { message, error: { name: 'InterruptedError', message } },
      },
    ]);
    expect(await readAttempts(knex, id)).toEqual([
      { attempt: 1, decision: 'failed', strategy: 'none' },
    ]);
    expect(events.publish).toHaveBeenCalledTimes(1);
    expect(events.publish).toHaveBeenCalledWith({
      topic: 'scaffolder.task',
      eventPayload: expect.objectContaining({ id, status: 'failed' }),
    });
  });

  it('opens a task in the startup hook, with a recovered event and what happens now', async () => {
    const id = await interrupted('idempotent', {
      steps: ['one', { id: 'two', recovery: { dependsOn: 'one' } }, 'three'],
    });
    expect(await createPass().runAtStartup()).toEqual({
      ...nothing,
      resume: 1,
    });

    expect(await readTask(knex, id)).toMatchObject({
      status: 'open',
      secrets: expect.stringContaining('very-secret'),
    });
    expect(await stepsOf(id)).toEqual([]);
    expect(await newEvents(id)).toEqual([
      { type: 'recovered', body: { recoverStrategy: 'idempotent' } },
      {
        type: 'log',
        body: {
          stepId: 'two',
          message: expect.stringMatching(
            /^Interrupted at step 'two': .* strategy 'idempotent'.* run again: one\./,
          ),
        },
      },
      {
        type: 'log',
        body: {
          stepId: 'one',
          message: expect.stringContaining(`'two' depends on it`),
        },
      },
    ]);
    expect(events.publish).toHaveBeenCalledWith({
      topic: 'scaffolder.task',
      eventPayload: {
        id: expect.any(Number),
        taskId: id,
        status: 'recovered',
        body: { recoverStrategy: 'idempotent' },
      },
    });
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringMatching(
        `^Task ${id} of template:default/sample, .*goes on at step 'two'`,
      ),
    );
  });

  it('publishes each recovered event with its own id, in whatever order the database returns its rows', async () => {
    for (let i = 0; i < 3; i++) {
      await interrupted('restart');
    }
    // Handed over, so that the startup hook opens these three as well as decides on three others.
    await createPass().runOnce();
    for (let i = 0; i < 3; i++) {
      await interrupted('restart');
    }
    await withRowsReversed(knex, () => createPass().runAtStartup());

    const recovered = await knex(TASK_EVENTS).where('event_type', 'recovered');
    const published = events.publish.mock.calls.map(
      ([{ eventPayload }]) => eventPayload as { id: number; taskId: string },
    );
    expect(published).toHaveLength(6);
    expect(new Map(published.map(p => [p.taskId, p.id]))).toEqual(
      new Map(recovered.map(row => [row.task_id, Number(row.id)])),
    );
  });

  it('hands a task over at any other time, and leaves it alone until it was claimed', async () => {
    const id = await interrupted('idempotent');
    const pass = createPass();
    expect(await pass.runOnce()).toEqual({ ...nothing, resume: 1 });

    expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
    expect(await isStale(id)).toBe(true);
    expect(await stepsOf(id)).toEqual(['one']);
    // The scaffolder writes the recovered event when it opens the task.
    expect(await newEvents(id)).toEqual([
      { type: 'log', body: { stepId: 'two', message: expect.any(String) } },
    ]);
    expect(events.publish).not.toHaveBeenCalled();

    expect(await pass.runOnce()).toEqual(nothing);
    expect(await readAttempts(knex, id)).toHaveLength(1);
  });

  it('leaves one of the tasks that it hands over to its own next poll, and what it could not run to later ones', async () => {
    for (let i = 0; i < 4; i++) {
      await interrupted('restart');
    }
    const running = await insertTask(knex, { silentSeconds: 0 });
    await runs.claimed(running);
    poll.sent('update "tasks" set "status" = ? returning "id", "spec"');
    await createPass({ concurrentTasks: 3 }).runOnce();

    // Two slots are free: one task now, one at the poll in ten seconds, two in between.
    const staleIn = async (seconds: number) =>
      (
        await knex(TASKS)
          .where('last_heartbeat_at', '<=', secondsAgo(knex, 3600 - seconds))
          .pluck('id')
      ).length;
    const counts = [0, 3, 6, 9, 10].map(staleIn);
    expect(await Promise.all(counts)).toEqual(
      // On SQLite there is no other process.
      isSqlite(knex) ? [4, 4, 4, 4, 4] : [1, 1, 2, 3, 4],
    );
  });

  it('hands over in the startup hook of a process without workers', async () => {
    const id = await interrupted('restart');
    expect(await createPass({ concurrentTasks: 0 }).runAtStartup()).toEqual({
      ...nothing,
      restart: 1,
    });
    expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
    expect(await isStale(id)).toBe(true);
  });

  it('completes a pending hand-over in the startup hook, as the same attempt', async () => {
    const id = await interrupted('restart');
    await createPass().runOnce();
    directory.setContent({ [id]: { 'half-written': 'x' } });

    expect(await createPass().runAtStartup()).toEqual(nothing);
    expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
    expect((await newEvents(id)).at(-1)).toEqual({
      type: 'recovered',
      body: { recoverStrategy: 'restart' },
    });
    expect(await readAttempts(knex, id)).toHaveLength(1);
    expect(fs.existsSync(directory.resolve(id))).toBe(false);
  });

  it('restarts a task from its first step and keeps its checkpoints', async () => {
    const checkpoints = { 'v1.task.checkpoint.one.x': { status: 'success' } };
    const id = await interrupted('restart', { checkpoints });
    await createPass().runAtStartup();
    expect(JSON.parse((await readTask(knex, id)).state!)).toEqual({
      state: { checkpoints, steps: {} },
    });
    expect(await newEvents(id)).toContainEqual({
      type: 'log',
      body: {
        stepId: 'one',
        message: expect.stringContaining(`the strategy is 'restart'`),
      },
    });
  });

  it('closes a cancelled task as cancelled', async () => {
    const id = await interrupted('restart');
    await insertEvent(knex, id, 'cancelled', { message: 'x', stepId: 'two' });
    expect(await createPass().runAtStartup()).toEqual({
      ...nothing,
      cancelled: 1,
    });
    expect(await readTask(knex, id)).toMatchObject({
      status: 'cancelled',
      secrets: null,
    });
    const message = expect.stringContaining('closed as cancelled');
    expect((await newEvents(id)).slice(1)).toEqual([
      { type: 'log', body: { message, stepId: 'two', status: 'cancelled' } },
      { type: 'completion', body: { message } },
    ]);
  });

  it('queues a task again whose steps had all finished, although its strategy is none', async () => {
    const completed = ['one', 'two', 'three'];
    const id = await interrupted('none', { completed });
    expect(await createPass().runAtStartup()).toEqual({
      ...nothing,
      finish: 1,
    });
    expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
    expect(await stepsOf(id)).toEqual(completed);
  });

  it('never opens a broken row, and recovers all others', async () => {
    const good = [];
    const broken = [];
    for (const task of [
      { spec: '{"steps": [' },
      { spec: 'null' },
      { state: '{"state":' },
      { state: 'null' },
      { secrets: '{"token":' },
      { silentSeconds: null },
    ]) {
      good.push(await interrupted('restart'));
      broken.push(await interrupted('restart', task));
    }
    while (good.length + broken.length < 100) {
      good.push(await interrupted('restart'));
    }

    const pass = createPass({ concurrentTasks: 100 });
    expect(await pass.runAtStartup()).toEqual({
      ...nothing,
      restart: good.length,
      failed: broken.length,
    });
    for (const id of good) {
      expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
    }
    for (const id of broken) {
      expect(await readTask(knex, id)).toMatchObject({
        status: 'failed',
        secrets: null,
      });
      expect((await newEvents(id)).at(-1)).toMatchObject({
        type: 'completion',
        body: { message: expect.stringContaining('It cannot run again') },
      });
    }
  });

  it('leaves a task alone whose strategy cannot be told yet', async () => {
    const id = await interrupted(undefined);
    const before = await readTask(knex, id);
    expect(await createPass().runAtStartup()).toEqual({ ...nothing, later: 1 });
    expect(await readTask(knex, id)).toEqual(before);
    expect(await newEvents(id)).toEqual([]);
    expect(await readAttempts(knex, id)).toEqual([]);

    await knex(STRATEGIES).insert({
      task_id: id,
      strategy: 'restart',
      source: 'template',
    });
    expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
  });

  it('holds a task back from the scaffolder while its strategy cannot be told', async () => {
    const soon = await interrupted(undefined, { silentSeconds: 3590 });
    await interrupted(undefined, { silentSeconds: 3500 });
    const pass = createPass();
    expect(await pass.runOnce()).toEqual({ ...nothing, later: 2 });
    const freshened = await knex(TASKS)
      .where('last_heartbeat_at', '>', secondsAgo(knex, 60))
      .pluck('id');
    expect(freshened).toEqual([soon]);
    expect(logger.warn).toHaveBeenCalledWith(
      expect.stringContaining(
        `Task ${soon} is interrupted and could not be decided on for 60 min`,
      ),
    );
    // Still interrupted: it is decided on as soon as the strategy is known.
    expect(await pass.runOnce()).toEqual({ ...nothing, later: 2 });
  });

  it('cleans the workspaces in a later pass if the first one failed', async () => {
    const ended = await insertTask(knex, { status: 'completed' });
    directory.setContent({ [ended]: { file: 'x' } });
    const pass = createPass();
    await knex.schema.renameTable(TASKS, 'elsewhere');
    await expect(pass.runAtStartup()).rejects.toMatchObject({
      message: expect.stringContaining(TASKS),
    });
    await knex.schema.renameTable('elsewhere', TASKS);
    expect(fs.existsSync(directory.resolve(ended))).toBe(true);
    await pass.runOnce();
    expect(fs.existsSync(directory.resolve(ended))).toBe(false);
  });

  it('says why the strategy is not what people may expect', async () => {
    const id = await interrupted(undefined);
    await rememberStrategy(knex, {
      task_id: id,
      strategy: 'none',
      source: 'invalid',
      remark: `template:default/sample has spec.recovery.strategy "retry"`,
    });
    await createPass().runOnce();
    expect((await newEvents(id)).at(-1)!.body.message).toContain(
      `because template:default/sample has spec.recovery.strategy "retry".`,
    );
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('has spec.recovery.strategy "retry"'),
    );
  });

  /** A backend died again, with the task at the same step. */
  const interruptAgain = async (...ids: string[]) => {
    for (const id of ids) {
      await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
      await insertEvent(knex, id, 'log', {
        message: '',
        stepId: 'two',
        status: 'processing',
      });
    }
    // Some time has passed since the decisions.
    await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 700) });
    await knex(TASKS)
      .whereIn('id', ids)
      .update({
        status: 'processing',
        last_heartbeat_at: secondsAgo(knex, 600),
      });
  };

  it('closes a task that made no progress in three recoveries, and says how to try again', async () => {
    const id = await interrupted('restart');
    const pass = createPass();
    for (let i = 0; i < 3; i++) {
      expect(await pass.runOnce()).toEqual({ ...nothing, restart: 1 });
      await interruptAgain(id);
    }
    expect((await newEvents(id)).map(e => e.body.message)).toContainEqual(
      expect.stringContaining('recovery 3 of at most 3'),
    );
    expect(await pass.runOnce()).toEqual({ ...nothing, failed: 1 });
    expect(await readTask(knex, id)).toMatchObject({
      status: 'failed',
      secrets: null,
    });
    const message = expect.stringMatching(
      /4 attempts at step 'two' .* 3 recoveries \(scaffolder\.recoverTasksMaxAttempts\).* press Retry/,
    );
    expect((await newEvents(id)).slice(-2)).toEqual([
      { type: 'log', body: { message, stepId: 'two', status: 'failed' } },
      {
        type: 'completion',
        body: { message, error: { name: 'InterruptedError', message } },
      },
    ]);

    // A manual retry, interrupted, starts anew.
    await knex(TASKS).where({ id }).update({ secrets: '{}' });
    await interruptAgain(id);
    expect(await pass.runOnce()).toEqual({ ...nothing, restart: 1 });
  });

  it('names the limit of the template', async () => {
    const id = await interrupted(undefined);
    await rememberStrategy(knex, {
      task_id: id,
      strategy: 'restart',
      source: 'template',
      remark: null,
      max_attempts: 1,
    });
    const pass = createPass();
    expect(await pass.runOnce()).toEqual({ ...nothing, restart: 1 });
    await interruptAgain(id);
    expect(await pass.runOnce()).toEqual({ ...nothing, failed: 1 });
    expect((await newEvents(id)).at(-1)!.body.message).toContain(
      'The limit is 1 recovery (spec.recovery.maxAttempts of its template).',
    );
  });

  it('gives the final attempt to one task at a time, also when replicas decide at once', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      ids.push(await interrupted('restart'));
    }
    for (let i = 0; i < 2; i++) {
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 5 });
      await interruptAgain(...ids);
    }
    const passes = await Promise.all(
      Array.from({ length: 4 }, () => createPass().runOnce()),
    );
    expect(passes.reduce((sum, p) => sum + p.restart, 0)).toBe(1);
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('is interrupted and waits'),
    );
    const chances = () => knex(ATTEMPTS).where('last_chance', true);
    const [{ task_id: first }] = await chances();
    expect(await createPass().runOnce()).toEqual({ ...nothing, later: 4 });
    // That a step finishes which had finished before tells nothing.
    await insertEvent(knex, first, 'log', {
      stepId: 'one',
      status: 'completed',
    });
    expect(await createPass().runOnce()).toEqual({ ...nothing, later: 4 });

    // It made progress, so the next one has its chance.
    await insertEvent(knex, first, 'log', {
      stepId: 'two',
      status: 'completed',
    });
    expect(await createPass().runOnce()).toEqual({
      ...nothing,
      restart: 1,
      later: 3,
    });
    const [{ task_id: second }] = await chances().whereNot('task_id', first);
    expect(await createPass().runOnce()).toEqual({ ...nothing, later: 3 });
    // It has ended, so the next one has its chance.
    await knex(TASKS).where('id', second).update({ status: 'completed' });
    expect(await createPass().runOnce()).toEqual({
      ...nothing,
      restart: 1,
      later: 2,
    });
    expect(await chances()).toHaveLength(3);
    // Its process is gone, long before the task counts as interrupted.
    await knex(TASKS)
      .whereIn('id', chances().select('task_id'))
      .where({ status: 'processing' })
      .update({ last_heartbeat_at: secondsAgo(knex, 8) });
    await chances().update({ decided_at: secondsAgo(knex, 20) });
    expect(await createPass().runOnce()).toEqual({
      ...nothing,
      restart: 1,
      later: 1,
    });
  });

  it('isolates the final attempt of a task, also beside others with a higher limit', async () => {
    const patient = await interrupted(undefined);
    await rememberStrategy(knex, {
      task_id: patient,
      strategy: 'restart',
      source: 'template',
      remark: null,
      max_attempts: 5,
    });
    const id = await interrupted('restart');
    for (let i = 0; i < 2; i++) {
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 2 });
      await interruptAgain(id, patient);
    }
    const fresh = await interrupted('restart');
    expect(await createPass().runOnce()).toEqual({
      ...nothing,
      restart: 2,
      later: 1,
    });
    for (const [taskId, attempts] of [
      [id, 3],
      [patient, 2],
      [fresh, 1],
    ] as const) {
      expect(await readAttempts(knex, taskId)).toHaveLength(attempts);
    }
    await knex(TASKS).where({ id }).update({ status: 'completed' });
    expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
  });

  /** Two that were interrupted as often. The first one is due for its final attempt, the second one has a higher limit. */
  async function interruptedAsOften(): Promise<[string, string]> {
    const due = await interrupted('restart');
    const other = await interrupted('restart');
    await knex(STRATEGIES)
      .where({ task_id: other })
      .update({ max_attempts: 9 });
    for (let i = 0; i < 2; i++) {
      await createPass().runOnce();
      await interruptAgain(due, other);
    }
    return [due, other];
  }

  describe('a task that is due for its final attempt', () => {
    const silentFor = (id: string, seconds: number) =>
      knex(TASKS)
        .where({ id })
        .update({
          status: 'processing',
          last_heartbeat_at: secondsAgo(knex, seconds),
        });

    /** The other one is recovered while the first one still runs. */
    async function dueBesideAnother(): Promise<[string, string]> {
      const [due, other] = await interruptedAsOften();
      await silentFor(due, 0);
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
      expect(await readAttempts(knex, other)).toHaveLength(3);
      await silentFor(due, 40);
      expect(await createPass().runOnce()).toEqual({ ...nothing, later: 1 });
      expect(logger.info).toHaveBeenCalledWith(
        expect.stringContaining(`Task ${due} is interrupted and waits`),
      );
      return [due, other];
    }

    it('waits while another poison candidate runs, and until that has ended', async () => {
      const [due, other] = await dueBesideAnother();
      // It is being run.
      await silentFor(other, 0);
      expect(await createPass().runOnce()).toEqual({ ...nothing, later: 1 });
      await knex(TASKS).where({ id: other }).update({ status: 'completed' });
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
      expect(await readLastAttempt(knex, due)).toMatchObject({ attempt: 3 });
    });

    it('waits for none that has fallen silent', async () => {
      const [, other] = await dueBesideAnother();
      await knex(ATTEMPTS)
        .where({ task_id: other })
        .update({ decided_at: secondsAgo(knex, 60) });
      await silentFor(other, 8);
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
    });

    it('waits no longer than five minutes for one that runs', async () => {
      const [, other] = await dueBesideAnother();
      await silentFor(other, 0);
      const decidedAgo = (seconds: number) =>
        knex(ATTEMPTS)
          .where({ task_id: other })
          .update({ decided_at: secondsAgo(knex, seconds) });
      await decidedAgo(280);
      expect(await createPass().runOnce()).toEqual({ ...nothing, later: 1 });
      await decidedAgo(320);
      expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
    });

    it('goes before the others of its kind', async () => {
      const [due] = await interruptedAsOften();
      expect(await createPass().runOnce()).toEqual({
        ...nothing,
        restart: 1,
        later: 1,
      });
      expect(await readLastAttempt(knex, due)).toMatchObject({ attempt: 3 });
    });
  });

  it('says once of each interruption that a task waits for the final attempt of another one', async () => {
    const [id, patient] = await interruptedAsOften();
    const said = () =>
      logger.info.mock.calls.filter(([line]) =>
        line.includes('is interrupted and waits'),
      );
    const pass = createPass();
    await pass.runOnce();
    expect(await pass.runOnce()).toEqual({ ...nothing, later: 1 });
    expect(said()).toHaveLength(1);

    // Another process decides on it once it may, and then it waits anew.
    await knex(TASKS).where({ id }).update({ status: 'completed' });
    expect(await createPass().runOnce()).toEqual({ ...nothing, restart: 1 });
    await interruptAgain(patient);
    await knex(TASKS).where({ id }).update({ status: 'processing' });
    await knex(ATTEMPTS)
      .where('last_chance', true)
      .update({ decided_at: knex.fn.now() });
    expect(await pass.runOnce()).toEqual({ ...nothing, later: 1 });
    expect(await pass.runOnce()).toEqual({ ...nothing, later: 1 });
    expect(said()).toHaveLength(2);
  });

  it('recovers a task soon whose backend was shut down, and uses no attempt for that', async () => {
    const id = await interrupted('idempotent', { silentSeconds: 8 });
    expect(await createPass().runOnce()).toEqual(nothing);
    await markShutdown(knex, [{ taskId: id, recoveredEvent: 0 }]);
    expect(await createPass().runOnce()).toEqual({ ...nothing, resume: 1 });
    expect((await newEvents(id))[0].body.message).toMatch(
      /^Interrupted at step 'two': .* was shut down .* \d+ s\. /,
    );
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('after a planned shutdown'),
    );
    expect(await readLastAttempt(knex, id)).toMatchObject({
      attempt: 1,
      spent: 0,
    });
  });

  it('names an expired sign-in under the step where the task goes on, and recovers it all the same', async () => {
    const secrets = JSON.stringify({
      __initiatorCredentials: JSON.stringify({
        expiresAt: '2026-01-02T03:04:05.678Z',
        token: 'very-secret',
      }),
    });
    const warning = expect.stringMatching(
      /^Warning: the sign-in .* expired at 2026-01-02 03:04:05 UTC\./,
    );
    for (const [strategy, stepId] of [
      ['idempotent', 'two'],
      ['restart', 'one'],
    ] as const) {
      const id = await interrupted(strategy, { secrets });
      await createPass().runOnce();
      expect(await newEvents(id)).toContainEqual({
        type: 'log',
        body: { stepId, message: warning },
      });
      expect(await isStale(id)).toBe(true);
    }
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('the sign-in expired at 2026-01-02 03:04:05 UTC'),
    );
    expect(JSON.stringify(logger.info.mock.calls)).not.toContain('very-secret');
  });

  it('warns the people who look at the task when its dependencies are invalid', async () => {
    const id = await interrupted('idempotent', {
      steps: ['one', { id: 'two', recovery: { dependsOn: 'oen' } }],
    });
    await createPass().runOnce();
    expect((await newEvents(id))[0].body.message).toContain(
      `Step 'two' depends on 'oen', which is no step of this template; allowed is the step before it: 'one'. All steps run again.`,
    );
  });

  it('closes a task as cancelled that is cancelled while it waits to be claimed', async () => {
    const id = await interrupted('restart');
    const pass = createPass();
    await pass.runOnce();
    await insertEvent(knex, id, 'cancelled', { message: 'x', stepId: 'two' });
    expect(await pass.runOnce()).toEqual({ ...nothing, cancelled: 1 });
    expect(await readTask(knex, id)).toMatchObject({ status: 'cancelled' });
  });

  it('decides nothing while the heartbeats cannot be trusted', async () => {
    const id = await interrupted('none');
    const open = await insertTask(knex, { status: 'open' });
    const pass = createPass();
    settling.lost();
    for (let i = 0; i < 9; i++) {
      now += 1_000;
      settling.read();
    }
    expect(await pass.runOnce()).toEqual(nothing);
    expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
    expect(await readTask(knex, open)).toMatchObject({ status: 'open' });

    now += 1_000;
    settling.read();
    expect(await pass.runOnce()).toEqual({ ...nothing, failed: 1 });
    expect(await readTask(knex, open)).toMatchObject({ status: 'processing' });
  });

  it('neither opens a hand-over nor removes a workspace while the heartbeats cannot be trusted', async () => {
    const id = await interrupted('restart');
    await createPass().runOnce();
    const silent = await insertTask(knex);
    directory.setContent({ [silent]: { file: 'x' } });
    const pass = createPass();
    settling.lost();
    await pass.runAtStartup();
    expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
    expect(fs.existsSync(directory.resolve(silent))).toBe(true);

    for (let i = 0; i < 10; i++) {
      now += 1_000;
      settling.read();
    }
    await pass.runOnce();
    expect(fs.existsSync(directory.resolve(silent))).toBe(false);
  });

  it('stops after a batch in which the process stalled', async () => {
    // So large that two make a batch, and one batch more than are decided on at once.
    const state = JSON.stringify({ filler: 'x'.repeat(900_000) });
    for (let i = 0; i < 2 * batchesAtOnce(knex) + 1; i++) {
      await insertTask(knex, { state });
    }
    await knex(STRATEGIES).insert(
      knex(TASKS).select('id', knex.raw(`'none', 'template', null, null`)),
    );
    const pass = createPass();
    // As if the process had been stopped while it decided on the first batch.
    logger.info.mockImplementationOnce(() => {
      now += 60_000;
    });
    const { failed } = await pass.runOnce();
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThanOrEqual(2 * batchesAtOnce(knex));
    expect(await knex(TASKS).where('status', 'failed')).toHaveLength(failed);
  });

  it('fails with the first error of its batches, once the others are decided on', async () => {
    // More than a page, so that the next one is still to be read when the first batch fails.
    await knex.batchInsert(
      TASKS,
      Array.from({ length: 501 }, () => ({
        id: randomUUID(),
        spec: '[broken',
        status: 'processing',
        last_heartbeat_at: secondsAgo(knex, 600),
      })) as any[],
      500,
    );
    jest
      .spyOn(BatchDecider.prototype, 'decideOn')
      .mockRejectedValueOnce(new Error('first'));
    await expect(createPass().runOnce()).rejects.toThrow('first');
    expect(await knex(TASKS).where('status', 'failed')).toHaveLength(101);
  });

  if (databaseId.startsWith('POSTGRES')) {
    it('leaves half of the pool to the heartbeats, which share it', async () => {
      const state = JSON.stringify({ filler: 'x'.repeat(900_000) });
      for (let i = 0; i < 12; i++) {
        await interrupted('none', { state });
      }
      const large = knex;
      knex = knexFactory({ ...large.client.config, pool: { min: 0, max: 4 } });
      const used: number[] = [];
      knex.on('query', () => used.push(knex.client.pool.numUsed()));
      try {
        await createPass().runOnce();
      } finally {
        await knex.destroy();
        knex = large;
      }
      expect(Math.max(...used)).toBe(2);
      expect(await knex(TASKS).where('status', 'failed')).toHaveLength(12);
    });
  }

  it('decides nothing if the process stalled between listing and locking', async () => {
    await interrupted('none');
    const pass = createPass();
    let stalls = 0;
    const onQuery = ({ sql }: { sql: string }) => {
      // Only what a decision is made from has that column.
      if (sql.includes('created_by')) {
        now += 60_000;
        stalls += 1;
      }
    };
    knex.on('query', onQuery);
    expect(await pass.runOnce()).toEqual(nothing);
    knex.removeListener('query', onQuery);
    expect(stalls).toBe(1);
  });

  it('leaves a task alone that was claimed again after it was listed', async () => {
    const claimed = await interrupted('none');
    const silent = await interrupted('none');
    const pass = createPass();
    // As if a worker had claimed it, and beaten, just before the lock.
    const { decideOn } = BatchDecider.prototype;
    const spy = jest
      .spyOn(BatchDecider.prototype, 'decideOn')
      .mockImplementationOnce(async function decideLate(
        this: BatchDecider,
        taskIds,
        ...rest
      ) {
        expect(taskIds.sort()).toEqual([claimed, silent].sort());
        await knex(TASKS)
          .where({ id: claimed })
          .update({ last_heartbeat_at: knex.fn.now() });
        await decideOn.call(this, taskIds, ...rest);
      });
    expect(await pass.runOnce()).toEqual({ ...nothing, failed: 1 });
    spy.mockRestore();
    expect(await readTask(knex, claimed)).toMatchObject({
      status: 'processing',
    });
    expect(await readAttempts(knex, claimed)).toEqual([]);
    expect(await readTask(knex, silent)).toMatchObject({ status: 'failed' });
  });

  it('lets PostgreSQL compile none of its statements over many tasks', async () => {
    await interrupted('restart');
    const transactions = new Map<string, string[]>();
    const onQuery = ({ sql, __knexTxId: id }: any) =>
      id && transactions.set(id, [...(transactions.get(id) ?? []), sql]);
    knex.on('query', onQuery);
    await createPass().runOnce();
    await createPass().runAtStartup();
    knex.removeListener('query', onQuery);
    const overMany = [...transactions.values()].filter(statements =>
      statements.some(sql => /(order by|update) [`"]tasks/.test(sql)),
    );
    // Listed and decided on; then listed again, and the hand-over listed and opened.
    expect(overMany).toHaveLength(5);
    const begin = isSqlite(knex)
      ? ['BEGIN;']
      : ['BEGIN;', 'set local jit = off'];
    for (const statements of overMany) {
      expect(statements.slice(0, begin.length)).toEqual(begin);
    }
  });

  it('does not decide on a task that this process runs', async () => {
    const id = await interrupted('none');
    await runs.claimed(id);
    directory.setContent({ [id]: {} });
    expect(await createPass().runOnce()).toEqual(nothing);
    await runs.ended(id);
    expect(await createPass().runOnce()).toEqual({ ...nothing, failed: 1 });
  });

  it('clears the secrets of a running task that will not run again', async () => {
    const id = await interrupted('none', { silentSeconds: 1 });
    await createPass().runOnce();
    expect(await readTask(knex, id)).toMatchObject({
      status: 'processing',
      secrets: null,
    });
  });

  it('decides once on each interruption, however many passes run at once', async () => {
    // Enough for the passes to meet: without the guard of the update, about one task in a hundred was decided on twice.
    const n = 1_000;
    for (let i = 0; i < n; i++) {
      const id = await insertTask(knex);
      await rememberStrategy(knex, {
        task_id: id,
        strategy: i % 2 ? 'restart' : 'none',
        source: 'template',
        remark: null,
      });
    }
    const all = await Promise.all(
      // SQLite has one connection, and each pass would wait for all others.
      Array.from({ length: isSqlite(knex) ? 4 : 20 }, () =>
        createPass().runOnce(),
      ),
    );
    expect(all.reduce((sum, c) => sum + c.restart, 0)).toBe(n / 2);
    expect(all.reduce((sum, c) => sum + c.failed, 0)).toBe(n / 2);
    expect(all.reduce((sum, c) => sum + c.error, 0)).toBe(0);
    expect(await knex(ATTEMPTS).max({ attempt: 'attempt' })).toEqual([
      { attempt: 1 },
    ]);
  }, 180_000);

  describe('workspaces', () => {
    it('of tasks that are decided on are removed', async () => {
      const none = await interrupted('none');
      const restart = await interrupted('restart');
      directory.setContent({
        [none]: { deep: { er: 'x' } },
        [restart]: { half: 'x' },
      });
      await createPass().runOnce();
      expect(fs.existsSync(directory.resolve(none))).toBe(false);
      expect(fs.existsSync(directory.resolve(restart))).toBe(false);
    });

    it('of tasks that do not run are removed at startup, and nothing else', async () => {
      const ended = await insertTask(knex, { status: 'completed' });
      const open = await insertTask(knex, { status: 'open' });
      const alive = await insertTask(knex, { silentSeconds: 1 });
      const stranger = 'aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb';
      const kept = {
        [alive]: { file: 'x' },
        [stranger]: { file: 'x' },
        [`${ended}_step-fetch-a1b2c3`]: { file: 'x' },
        'some-folder': { file: 'x' },
      };
      directory.setContent({
        ...kept,
        [ended]: { file: 'x' },
        [open]: { file: 'x' },
      });
      await createPass().runAtStartup();
      expect(Object.keys(directory.content() as object)).toEqual(
        expect.arrayContaining(Object.keys(kept)),
      );
      expect(fs.existsSync(directory.resolve(ended))).toBe(false);
      expect(fs.existsSync(directory.resolve(open))).toBe(false);
    });

    it('that cannot be removed keep their task from running again, and no other', async () => {
      const stuck = await interrupted('restart');
      const closed = await interrupted('none');
      const fine = await interrupted('restart');
      const folders = new RunFolders(directory.path, logger);
      const takeAway = jest.spyOn(folders, 'takeAway');
      takeAway.mockImplementation(id => {
        if (id !== fine) {
          throw new Error('EACCES');
        }
      });
      const pass = createPass({}, folders);
      expect(await pass.runOnce()).toEqual({
        ...nothing,
        restart: 1,
        failed: 1,
        error: 1,
      });
      expect(await readAttempts(knex, stuck)).toEqual([]);
      expect(await newEvents(stuck)).toEqual([]);
      expect(await isStale(stuck)).toBe(false);
      expect(await readTask(knex, closed)).toMatchObject({ status: 'failed' });
      expect(logger.error).toHaveBeenCalledWith(
        `Task ${stuck} could not be decided on; it is tried again until it works`,
        expect.objectContaining({ message: 'EACCES' }),
      );
      expect(listener.undecided.mock.calls).toEqual([
        [stuck, expect.objectContaining({ message: 'EACCES' })],
      ]);

      // Said once, and once more if it fails again after it had worked.
      const errors = () =>
        logger.error.mock.calls.filter(([line]) => line.includes(stuck));
      const tryAgain = async () => {
        await knex(TASKS)
          .where({ id: stuck })
          .update({ last_heartbeat_at: secondsAgo(knex, 60) });
        await knex(ATTEMPTS).where({ task_id: stuck }).delete();
        return pass.runOnce();
      };
      expect(await tryAgain()).toEqual({ ...nothing, error: 1 });
      expect(errors()).toHaveLength(1);
      takeAway.mockImplementationOnce(() => {});
      expect(await tryAgain()).toEqual({ ...nothing, restart: 1 });
      expect(await tryAgain()).toEqual({ ...nothing, error: 1 });
      expect(errors()).toHaveLength(2);
    });
  });

  it('gives each sentence a line of its own in the log of a task, which the page does not wrap', async () => {
    const resumed = await interrupted('idempotent');
    const closed = await interrupted('none');
    await createPass().runOnce();
    const messages = async (id: string) =>
      (await readEvents(knex, id)).slice(3).map(e => e.body.message);
    expect((await messages(resumed))[0].split('\n')).toEqual([
      expect.stringMatching(/^Interrupted at step 'two': .*\.$/),
      expect.stringMatching(/ strategy 'idempotent': .*\.$/),
      expect.stringMatching(/^Skipped, .*: one\.$/),
    ]);
    const [line, completion] = await messages(closed);
    expect(line.split('\n')).toHaveLength(3);
    expect(completion).toBe(line.replaceAll('\n', ' '));
  });

  it('wakes a worker for an open task, unless its own has no free slot', async () => {
    const id = await insertTask(knex, { status: 'open', silentSeconds: 60 });
    const running = await insertTask(knex, { silentSeconds: 0 });
    await runs.claimed(running);
    await createPass({ concurrentTasks: 1 }).runOnce();
    expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
    await createPass({ concurrentTasks: 2 }).runOnce();
    expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('handed over to nudge a worker'),
    );
  });

  it('logs, writes and tells little of a task, however large the ids of its steps are', async () => {
    const large = (id: string) => `${id}${'x'.repeat(100_000)}`;
    const [one, two, three] = ['one', 'two', 'three'].map(large);
    const ids = [];
    for (const dependsOn of [one, three]) {
      const id = await insertTask(knex, {
        steps: [one, { id: two, recovery: { dependsOn } }, three],
        completed: [one],
      });
      await insertEvent(knex, id, 'log', { stepId: two, status: 'processing' });
      await rememberStrategy(knex, {
        task_id: id,
        strategy: 'idempotent',
        source: 'template',
        remark: null,
      });
      ids.push(id);
    }
    expect(await createPass().runOnce()).toEqual({ ...nothing, resume: 2 });

    const texts = [
      ...logger.info.mock.calls.map(([line]) => line),
      ...(await knex(ATTEMPTS).pluck('reason')),
      ...listener.decided.mock.calls.map(([{ reason }]) => reason),
    ];
    for (const id of ids) {
      const added = (await readEvents(knex, id)).slice(1);
      texts.push(...added.map(({ body }) => body.message));
      // The page shows a line under the step that it names.
      expect(added.map(({ body }) => body.stepId)).toEqual([two, one]);
    }
    expect(texts).toHaveLength(10);
    expect(Math.max(...texts.map(text => text.length))).toBeLessThan(2_000);
  });

  it('records what was decided and why', async () => {
    const resumed = await interrupted('idempotent', {
      steps: ['zero', 'one', { id: 'two', recovery: { dependsOn: 'one' } }],
      completed: ['zero', 'one'],
    });
    const closed = await interrupted('none');
    await createPass().runOnce();
    const row = (id: string) => knex(ATTEMPTS).where({ task_id: id }).first();
    expect(await row(resumed)).toMatchObject({
      template_ref: 'template:default/sample',
      strategy: 'idempotent',
      strategy_source: 'template',
      reason: (await newEvents(resumed))[0].body.message,
      interrupted_at: 'two',
      skipped_steps: '["zero"]',
      steps_again: JSON.stringify([
        { stepId: 'one', because: 'neededBy', neededBy: ['two'] },
      ]),
      outcome: 'waiting',
    });
    expect((await row(resumed)).seconds_silent).toBeGreaterThan(599);
    expect(await row(closed)).toMatchObject({
      decision: 'failed',
      reason: (await newEvents(closed))[0].body.message,
      interrupted_at: 'two',
      skipped_steps: '[]',
      steps_again: '[]',
      outcome: 'closed',
    });
  });

  it('tells its listener of each decision, once it is committed', async () => {
    const id = await interrupted('restart');
    let attempts: unknown[] = [];
    listener.decided.mockImplementation(() => {
      attempts = readAttempts(knex, id) as any;
    });
    await createPass().runOnce();
    expect(await attempts).toHaveLength(1);
    expect(listener.decided.mock.calls).toEqual([
      [
        expect.objectContaining({
          task: expect.objectContaining({ id }),
          decision: expect.objectContaining({ kind: 'restart' }),
          attempt: 1,
        }),
      ],
    ]);
    await interruptAgain(id);
    await createPass().runOnce();
    expect(listener.decided.mock.lastCall[0].attempt).toBe(2);
    expect(listener.undecided).not.toHaveBeenCalled();
  });

  it('does not depend on who listens to its events', async () => {
    const id = await interrupted('none');
    events.publish.mockRejectedValue(new Error('no bus'));
    expect(await createPass().runOnce()).toEqual({ ...nothing, failed: 1 });
    expect(await readTask(knex, id)).toMatchObject({ status: 'failed' });
  });

  it('prints neither secrets nor what steps have made, even if a statement fails', async () => {
    const checkpoints = { 'v1.task.checkpoint.one.x': { value: 'made-by-x' } };
    await interrupted('none');
    await interrupted('restart', { checkpoints });
    await createPass().runAtStartup();

    const broken = await interrupted('restart', { checkpoints });
    if (isSqlite(knex)) {
      await knex.raw(
        `create trigger full before update of state on tasks begin select raise(abort, 'disk full'); end`,
      );
    } else {
      await knex.raw(
        `create function full_disk() returns trigger as $$ begin raise exception 'disk full'; end $$ language plpgsql;
         create trigger "full" before update on tasks for each row execute function full_disk()`,
      );
    }
    const counts = await createPass().runOnce();
    await knex.raw(
      isSqlite(knex) ? 'drop trigger full' : 'drop trigger "full" on tasks',
    );

    expect(counts).toEqual({ ...nothing, error: 1 });
    expect(logger.error).toHaveBeenCalledWith(
      `Task ${broken} could not be decided on; it is tried again until it works`,
      expect.objectContaining({
        message: 'The database reported: disk full',
      }),
    );
    const printed = [logger.info, logger.warn, logger.error, events.publish]
      .flatMap(f => f.mock.calls.flat())
      .map(x => (x instanceof Error ? `${x.message} ${x.stack}` : String(x)))
      .join();
    expect(printed).not.toMatch(/very-secret|made-by-x/);
  });
});
