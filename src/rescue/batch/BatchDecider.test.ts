import { TestDatabases } from '@backstage/backend-test-utils';
import fs from 'node:fs';
import { listStale } from '../../__testUtils__/interruptedTasks';
import {
  readAttempts,
  readLastAttempt,
  readTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { markInterrupted } from '../../database/operations/runs/markInterrupted';
import { ATTEMPTS, STRATEGIES } from '../../database/tables';
import { isSqlite, secondsAgo } from '../../database/time';
import { NO_DECISIONS, PassSite } from '../__testUtils__/PassSite';
import { BatchDecider } from './BatchDecider';
import { TASKS } from '../../scaffolder/tables';
import { RunFolders } from '../../workspace/folders/RunFolders';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('BatchDecider on %s', databaseId => {
  const site = new PassSite();

  beforeAll(() => site.open(databases.init(databaseId)));
  beforeEach(() => site.reset());

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
      good.push(await site.interrupted('restart'));
      broken.push(await site.interrupted('restart', task));
    }
    while (good.length + broken.length < 100) {
      good.push(await site.interrupted('restart'));
    }

    const pass = site.createPass({ concurrentTasks: 100 });
    expect(await pass.runAtStartup()).toEqual({
      ...NO_DECISIONS,
      restart: good.length,
      failed: broken.length,
    });
    for (const id of good) {
      expect(await readTask(site.knex, id)).toMatchObject({ status: 'open' });
    }
    for (const id of broken) {
      expect(await readTask(site.knex, id)).toMatchObject({
        status: 'failed',
        secrets: null,
      });
      expect((await site.newEvents(id)).at(-1)).toMatchObject({
        type: 'completion',
        body: { message: expect.stringContaining('It cannot run again') },
      });
    }
  });

  it('leaves a task alone whose strategy is not known yet', async () => {
    const id = await site.interrupted(undefined);
    const before = await readTask(site.knex, id);
    expect(await site.createPass().runAtStartup()).toEqual({
      ...NO_DECISIONS,
      later: 1,
    });
    expect(await readTask(site.knex, id)).toEqual(before);
    expect(await site.newEvents(id)).toEqual([]);
    expect(await readAttempts(site.knex, id)).toEqual([]);

    await site.knex(STRATEGIES).insert({
      task_id: id,
      strategy: 'restart',
      source: 'template',
    });
    expect(await site.createPass().runOnce()).toEqual({
      ...NO_DECISIONS,
      restart: 1,
    });
  });

  it('defers a task that the scaffolder would take soon while its strategy is not known', async () => {
    const soon = await site.interrupted(undefined, { silentSeconds: 3590 });
    await site.interrupted(undefined, { silentSeconds: 3500 });
    const pass = site.createPass();
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, later: 2 });
    const freshened = await site
      .knex(TASKS)
      .where('last_heartbeat_at', '>', secondsAgo(site.knex, 60))
      .pluck('id');
    expect(freshened).toEqual([soon]);
    expect(site.logger.warn).toHaveBeenCalledWith(
      expect.stringContaining(
        `Task ${soon} is interrupted and could not be decided on for 60 min`,
      ),
    );
    // Still interrupted: it is decided on as soon as the strategy is known.
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, later: 2 });
  });

  it('closes a task that made no progress in three recoveries, with how to try again', async () => {
    const id = await site.interrupted('restart');
    const pass = site.createPass();
    for (let i = 0; i < 3; i++) {
      expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, restart: 1 });
      await site.interruptAgain(id);
    }
    expect((await site.newEvents(id)).map(e => e.body.message)).toContainEqual(
      expect.stringContaining('recovery 3 of at most 3'),
    );
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, failed: 1 });
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'failed',
      secrets: null,
    });
    const message = expect.stringMatching(
      /4 attempts at step 'two' .* 3 recoveries \(scaffolder\.recoverTasksMaxAttempts\).* press Retry/,
    );
    expect((await site.newEvents(id)).slice(-2)).toEqual([
      { type: 'log', body: { message, stepId: 'two', status: 'failed' } },
      {
        type: 'completion',
        body: { message, error: { name: 'InterruptedError', message } },
      },
    ]);

    // A manual retry, interrupted, starts anew.
    await site.knex(TASKS).where({ id }).update({ secrets: '{}' });
    await site.interruptAgain(id);
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, restart: 1 });
  });

  it('names the limit of the template', async () => {
    const id = await site.interrupted(undefined);
    await site.remember(id, { strategy: 'restart', max_attempts: 1 });
    const pass = site.createPass();
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, restart: 1 });
    await site.interruptAgain(id);
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, failed: 1 });
    expect((await site.newEvents(id)).at(-1)!.body.message).toContain(
      '1 recovery (spec.recovery.maxAttempts of its template)',
    );
  });

  it('recovers a task soon whose backend was shut down, and uses no attempt for that', async () => {
    const id = await site.interrupted('idempotent', { silentSeconds: 8 });
    expect(await site.createPass().runOnce()).toEqual(NO_DECISIONS);
    await markInterrupted(site.knex, [{ taskId: id, recoveredEvent: 0 }], {
      cause: 'shutdown',
    });
    expect(await site.createPass().runOnce()).toEqual({
      ...NO_DECISIONS,
      resume: 1,
    });
    expect((await site.newEvents(id))[0].body.message).toMatch(
      /^Interrupted at step 'two': .* was shut down .* \d+ s\. /,
    );
    expect(site.logger.info).toHaveBeenCalledWith(
      expect.stringContaining('after a planned shutdown'),
    );
    expect(await readLastAttempt(site.knex, id)).toMatchObject({
      attempt: 1,
      spent: 0,
    });
  });

  it('decides nothing if the process stalled between listing and locking', async () => {
    const id = await site.interrupted('none');
    const pass = site.createPass();
    // As if the process had been stopped until the tasks were locked and read.
    const onRead = (rows: unknown) => {
      if (Array.isArray(rows) && rows.some(row => row.spec !== undefined)) {
        site.now += 60_000;
      }
    };
    site.knex.on('query-response', onRead);
    const counts = await pass.runOnce();
    site.knex.removeListener('query-response', onRead);
    expect(counts).toEqual(NO_DECISIONS);
    expect(site.settling.isSettled()).toBe(false);
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
    });
  });

  it('leaves a task alone that was claimed again after it was listed', async () => {
    const claimed = await site.interrupted('none');
    const silent = await site.interrupted('none');
    const pass = site.createPass();
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
        await site
          .knex(TASKS)
          .where({ id: claimed })
          .update({ last_heartbeat_at: site.knex.fn.now() });
        await decideOn.call(this, taskIds, ...rest);
      });
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, failed: 1 });
    spy.mockRestore();
    expect(await readTask(site.knex, claimed)).toMatchObject({
      status: 'processing',
    });
    expect(await readAttempts(site.knex, claimed)).toEqual([]);
    expect(await readTask(site.knex, silent)).toMatchObject({
      status: 'failed',
    });
  });

  describe('workspaces', () => {
    it('of tasks that are decided on are removed', async () => {
      const none = await site.interrupted('none');
      const restart = await site.interrupted('restart');
      site.directory.setContent({
        [none]: { deep: { er: 'x' } },
        [restart]: { half: 'x' },
      });
      await site.createPass().runOnce();
      expect(fs.existsSync(site.directory.resolve(none))).toBe(false);
      expect(fs.existsSync(site.directory.resolve(restart))).toBe(false);
    });

    it('that cannot be removed keep their task from running again, and no other', async () => {
      const stuck = await site.interrupted('restart');
      const closed = await site.interrupted('none');
      const fine = await site.interrupted('restart');
      const folders = new RunFolders(site.directory.path, site.logger);
      const takeAway = jest.spyOn(folders, 'takeAway');
      takeAway.mockImplementation(id => {
        if (id !== fine) {
          throw new Error('EACCES');
        }
      });
      const pass = site.createPass({}, folders);
      expect(await pass.runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
        failed: 1,
        error: 1,
      });
      expect(await readAttempts(site.knex, stuck)).toEqual([]);
      expect(await site.newEvents(stuck)).toEqual([]);
      expect(await listStale(site.knex)).not.toContain(stuck);
      expect(await readTask(site.knex, closed)).toMatchObject({
        status: 'failed',
      });
      expect(site.logger.error).toHaveBeenCalledWith(
        `Task ${stuck} could not be decided on; it is tried again until it works`,
        expect.objectContaining({ message: 'EACCES' }),
      );
      expect(site.listener.undecided.mock.calls).toEqual([
        [stuck, expect.objectContaining({ message: 'EACCES' })],
      ]);

      // Logged once for ten minutes, and once more if it fails again after it had worked.
      const errors = () =>
        site.logger.error.mock.calls.filter(([line]) => line.includes(stuck));
      const tryAgain = async () => {
        await site
          .knex(TASKS)
          .where({ id: stuck })
          .update({ last_heartbeat_at: secondsAgo(site.knex, 60) });
        await site.knex(ATTEMPTS).where({ task_id: stuck }).delete();
        return pass.runOnce();
      };
      expect(await tryAgain()).toEqual({ ...NO_DECISIONS, error: 1 });
      expect(errors()).toHaveLength(1);
      takeAway.mockImplementationOnce(() => {});
      expect(await tryAgain()).toEqual({ ...NO_DECISIONS, restart: 1 });
      expect(await tryAgain()).toEqual({ ...NO_DECISIONS, error: 1 });
      expect(errors()).toHaveLength(2);

      // And again while it lasts.
      const later = performance.now() + 10 * 60_000;
      jest.spyOn(performance, 'now').mockImplementation(() => later);
      expect(await tryAgain()).toEqual({ ...NO_DECISIONS, error: 1 });
      jest.restoreAllMocks();
      expect(errors()).toHaveLength(3);
    });
  });

  it('reports each decision to its listener, once it is committed', async () => {
    const id = await site.interrupted('restart');
    let attempts: unknown[] = [];
    site.listener.decided.mockImplementation(() => {
      attempts = readAttempts(site.knex, id) as any;
    });
    await site.createPass().runOnce();
    expect(await attempts).toHaveLength(1);
    expect(site.listener.decided.mock.calls).toEqual([
      [
        expect.objectContaining({
          task: expect.objectContaining({ id }),
          decision: expect.objectContaining({ kind: 'restart' }),
          attempt: 1,
        }),
      ],
    ]);
    await site.interruptAgain(id);
    await site.createPass().runOnce();
    expect(site.listener.decided.mock.lastCall[0].attempt).toBe(2);
    expect(site.listener.undecided).not.toHaveBeenCalled();
  });

  it('does not depend on who listens to its events', async () => {
    const id = await site.interrupted('none');
    site.events.publish.mockRejectedValue(new Error('no bus'));
    expect(await site.createPass().runOnce()).toEqual({
      ...NO_DECISIONS,
      failed: 1,
    });
    expect(await readTask(site.knex, id)).toMatchObject({ status: 'failed' });
  });

  it('prints neither secrets nor what steps have made, even if a statement fails', async () => {
    const checkpoints = { 'v1.task.checkpoint.one.x': { value: 'made-by-x' } };
    await site.interrupted('none');
    await site.interrupted('restart', { checkpoints });
    await site.createPass().runAtStartup();

    const broken = await site.interrupted('restart', { checkpoints });
    if (isSqlite(site.knex)) {
      await site.knex.raw(
        `create trigger full before update of state on tasks begin select raise(abort, 'disk full'); end`,
      );
    } else {
      await site.knex.raw(
        `create function full_disk() returns trigger as $$ begin raise exception 'disk full'; end $$ language plpgsql;
         create trigger "full" before update on tasks for each row execute function full_disk()`,
      );
    }
    const counts = await site.createPass().runOnce();
    await site.knex.raw(
      isSqlite(site.knex)
        ? 'drop trigger full'
        : 'drop trigger "full" on tasks',
    );

    expect(counts).toEqual({ ...NO_DECISIONS, error: 1 });
    expect(site.logger.error).toHaveBeenCalledWith(
      `Task ${broken} could not be decided on; it is tried again until it works`,
      expect.objectContaining({
        message: 'The database reported: disk full',
      }),
    );
    const printed = [
      site.logger.info,
      site.logger.warn,
      site.logger.error,
      site.events.publish,
    ]
      .flatMap(f => f.mock.calls.flat())
      .map(x => (x instanceof Error ? `${x.message} ${x.stack}` : String(x)))
      .join();
    expect(printed).not.toMatch(/very-secret|made-by-x/);
  });
});
