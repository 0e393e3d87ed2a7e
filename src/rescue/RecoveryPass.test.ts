import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory from 'knex';
import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import {
  insertTask,
  readTask,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { ATTEMPTS, STRATEGIES } from '../database/tables';
import { isSqlite, secondsAgo } from '../database/time';
import { NO_DECISIONS, PassSite } from './__testUtils__/PassSite';
import { BatchDecider } from './batch/BatchDecider';
import { batchesAtOnce } from './batch/batchesAtOnce';
import { TASKS } from '../scaffolder/tables';
import { waitFor } from '../../dev/harness/waitFor';
import { saveClaims } from '../database/operations/processes/claims';
import { saveProcess } from '../database/operations/processes/saveProcess';
import { secondsSinceServerStart } from '../database/operations/server/secondsSinceServerStart';
import { readThisProcess } from '../liveness/processes/thisProcess';
import { DatabaseClock } from '../liveness/DatabaseClock';
import { SETTLING_SECONDS } from '../liveness/Settling';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('RecoveryPass on %s', databaseId => {
  const site = new PassSite();

  beforeAll(() => site.open(databases.init(databaseId)));
  beforeEach(() => site.reset());

  it('decides nothing while the heartbeats cannot be trusted', async () => {
    const id = await site.interrupted('none');
    const open = await insertTask(site.knex, { status: 'open' });
    const pass = site.createPass();
    site.settling.restart();
    for (let i = 0; i < 9; i++) {
      site.now += 1_000;
      site.settling.read();
    }
    expect(await pass.runOnce()).toEqual(NO_DECISIONS);
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
    });
    expect(await readTask(site.knex, open)).toMatchObject({ status: 'open' });

    site.now += 1_000;
    site.settling.read();
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, failed: 1 });
    expect(await readTask(site.knex, open)).toMatchObject({
      status: 'processing',
    });
  });

  it('neither opens a hand-over nor removes a workspace while the heartbeats cannot be trusted', async () => {
    const ids = [
      await site.interrupted('restart'),
      await site.interrupted('restart'),
    ];
    await site.createPass().runOnce();
    const silent = await insertTask(site.knex);
    site.directory.setContent({ [silent]: { file: 'x' } });
    const pass = site.createPass();
    site.settling.restart();
    await pass.runAtStartup();
    for (const id of ids) {
      expect(await readTask(site.knex, id)).toMatchObject({
        status: 'processing',
      });
    }
    expect(fs.existsSync(site.directory.resolve(silent))).toBe(true);

    for (let i = 0; i < 10; i++) {
      site.now += 1_000;
      site.settling.read();
    }
    await pass.runOnce();
    expect(fs.existsSync(site.directory.resolve(silent))).toBe(false);
  });

  it('decides nothing just after the clock of the database was set forward, when all running tasks look silent', async () => {
    const id = await site.interrupted('none');
    let now = 0;
    const databaseClock = new DatabaseClock(() => now);
    const pass = site.createPass({}, undefined, databaseClock);
    // The time before that pass has nothing to compare with, so there is nothing to decide on in it.
    await site.knex(TASKS).update({ last_heartbeat_at: site.knex.fn.now() });
    await pass.runOnce();
    await site
      .knex(TASKS)
      .update({ last_heartbeat_at: secondsAgo(site.knex, 60) });
    // As if it had gone on by a minute more than this process.
    now -= 60_000;
    expect(await pass.runOnce()).toEqual(NO_DECISIONS);
    expect(site.logger.warn).toHaveBeenCalledWith(
      expect.stringContaining("database's clock was set forward by 60 s"),
    );
    for (let i = 0; i < SETTLING_SECONDS; i++) {
      site.now += 1_000;
      site.settling.read();
    }
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, failed: 1 });
    expect(await readTask(site.knex, id)).toMatchObject({ status: 'failed' });
  });

  describe('of the tasks of dead processes', () => {
    beforeAll(() =>
      waitFor(
        'the server to be up for long enough',
        async () =>
          (await secondsSinceServerStart(site.knex)) > SETTLING_SECONDS,
      ),
    );

    /** A task that such a process had claimed. */
    async function orphaned(silentSeconds: number): Promise<string> {
      const taskId = await site.interrupted('restart', { silentSeconds });
      const process = { ...readThisProcess(), pid: await pidOfNone() };
      await saveProcess(site.knex, { ...process, number: 9, holdsLock: true });
      await saveClaims(site.knex, [{ taskId, process: 9, recoveredEvent: 0 }]);
      return taskId;
    }
    async function pidOfNone(): Promise<number> {
      const child = spawn(process.execPath, ['-e', '']);
      await once(child, 'exit');
      return child.pid!;
    }
    const attempt = () => site.knex(ATTEMPTS).first();
    const sent = async (action: () => Promise<unknown>): Promise<string[]> => {
      const statements: string[] = [];
      const note = ({ sql }: { sql: string }) => statements.push(sql);
      site.knex.on('query', note);
      await action();
      site.knex.off('query', note);
      return statements;
    };

    it.each(['runOnce', 'runAtStartup'] as const)(
      '%s decides on them before the timeout',
      async method => {
        const id = await orphaned(8);
        expect(await site.createPass()[method]()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
        });
        const { status } = await readTask(site.knex, id);
        expect(status).toBe(method === 'runAtStartup' ? 'open' : 'processing');
        expect(await attempt()).toMatchObject({
          interrupted_by: 'crash',
          known_by: isSqlite(site.knex) ? 'pid' : 'lock',
          spent: 1,
        });
        // Handed over, and not decided on again.
        expect(await site.createPass().runOnce()).toEqual(NO_DECISIONS);
      },
    );

    it('leaves them while the heartbeats cannot be trusted', async () => {
      await orphaned(8);
      site.settling.restart();
      expect(await site.createPass().runAtStartup()).toEqual(NO_DECISIONS);
      expect(await site.createPass().runOnce()).toEqual(NO_DECISIONS);
    });

    const ASKED = /scaffolder_recovery_processes|pg_locks|pg_postmaster/;

    it('asks which processes are dead only while another process may have died', async () => {
      const pass = site.createPass();
      await pass.runOnce();
      await site.interrupted('restart', { silentSeconds: 8 });
      const idle = await sent(() => pass.runOnce());
      expect(idle.filter(sql => ASKED.test(sql))).toEqual([]);
      await orphaned(8);
      const busy = await sent(() => pass.runOnce());
      expect(busy.some(sql => ASKED.test(sql))).toBe(true);
    });

    if (databaseId !== 'SQLITE_3') {
      it('does not ask while the task of another process beats', async () => {
        const pass = site.createPass();
        await pass.runOnce();
        await orphaned(0);
        const quiet = await sent(() => pass.runOnce());
        expect(quiet.filter(sql => ASKED.test(sql))).toEqual([]);
      });
    }

    it('asks again in the transaction that decides', async () => {
      await orphaned(8);
      const { registration } = site;
      const dead = await registration.findDead(site.knex);
      const findDead = jest
        .spyOn(registration, 'findDead')
        .mockResolvedValueOnce(dead)
        .mockResolvedValue({ ...dead, numbers: [] });
      expect(await site.createPass().runOnce()).toEqual(NO_DECISIONS);
      expect(findDead).toHaveBeenCalledTimes(2);
      expect(findDead.mock.calls[1][0].isTransaction).toBe(true);
    });
  });

  it('cleans the workspaces in a later pass if the first one failed', async () => {
    const ended = await insertTask(site.knex, { status: 'completed' });
    site.directory.setContent({ [ended]: { file: 'x' } });
    const pass = site.createPass();
    await site.knex.schema.renameTable(TASKS, 'elsewhere');
    await expect(pass.runAtStartup()).rejects.toMatchObject({
      message: expect.stringContaining(TASKS),
    });
    await site.knex.schema.renameTable('elsewhere', TASKS);
    expect(fs.existsSync(site.directory.resolve(ended))).toBe(true);
    await pass.runOnce();
    expect(fs.existsSync(site.directory.resolve(ended))).toBe(false);
  });

  it('stops after a batch in which the process stalled', async () => {
    // So large that two make a batch, and one batch more than are decided on at once.
    const state = JSON.stringify({ filler: 'x'.repeat(900_000) });
    for (let i = 0; i < 2 * batchesAtOnce(site.knex) + 1; i++) {
      await insertTask(site.knex, { state });
    }
    await site
      .knex(STRATEGIES)
      .insert(
        site
          .knex(TASKS)
          .select('id', site.knex.raw(`'none', 'template', null, null`)),
      );
    const pass = site.createPass();
    // As if the process had been stopped while it decided on the first batch.
    site.logger.info.mockImplementationOnce(() => {
      site.now += 60_000;
    });
    const { failed } = await pass.runOnce();
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThanOrEqual(2 * batchesAtOnce(site.knex));
    expect(await site.knex(TASKS).where('status', 'failed')).toHaveLength(
      failed,
    );
  });

  it('fails with the first error of its batches, once the others are decided on', async () => {
    // More than a page, so that the next one is still to be read when the first batch fails.
    await site.knex.batchInsert(
      TASKS,
      Array.from({ length: 501 }, () => ({
        id: randomUUID(),
        spec: '[broken',
        status: 'processing',
        last_heartbeat_at: secondsAgo(site.knex, 600),
      })) as any[],
      500,
    );
    jest
      .spyOn(BatchDecider.prototype, 'decideOn')
      .mockRejectedValueOnce(new Error('first'));
    await expect(site.createPass().runOnce()).rejects.toThrow('first');
    expect(await site.knex(TASKS).where('status', 'failed')).toHaveLength(101);
  });

  if (databaseId.startsWith('POSTGRES')) {
    it('leaves half of the pool to the heartbeats, which share it', async () => {
      const state = JSON.stringify({ filler: 'x'.repeat(900_000) });
      for (let i = 0; i < 12; i++) {
        await site.interrupted('none', { state });
      }
      const large = site.knex;
      site.knex = knexFactory({
        ...large.client.config,
        pool: { min: 0, max: 4 },
      });
      const used: number[] = [];
      site.knex.on('query', () => used.push(site.knex.client.pool.numUsed()));
      try {
        await site.createPass().runOnce();
      } finally {
        await site.knex.destroy();
        site.knex = large;
      }
      expect(Math.max(...used)).toBe(2);
      expect(await site.knex(TASKS).where('status', 'failed')).toHaveLength(12);
    });

    it('lets PostgreSQL compile none of its statements over many tasks', async () => {
      await site.interrupted('restart');
      await site.knex.raw(
        `create table jit_settings (setting text);
         create function note_jit() returns trigger as $$ begin
           insert into jit_settings values (current_setting('jit'));
           return new;
         end $$ language plpgsql;
         create trigger note_jit before update on tasks for each row execute function note_jit()`,
      );
      try {
        // Decided on and handed over, then opened.
        await site.createPass().runOnce();
        await site.createPass().runAtStartup();
        const settings = await site.knex('jit_settings').pluck('setting');
        expect(new Set(settings)).toEqual(new Set(['off']));
      } finally {
        await site.knex.raw(
          'drop trigger note_jit on tasks; drop function note_jit; drop table jit_settings',
        );
      }
    });
  }

  it('does not decide on a task that this process runs', async () => {
    const id = await site.interrupted('none');
    await site.runs.claimed(id);
    site.directory.setContent({ [id]: {} });
    expect(await site.createPass().runOnce()).toEqual(NO_DECISIONS);
    await site.runs.ended(id);
    expect(await site.createPass().runOnce()).toEqual({
      ...NO_DECISIONS,
      failed: 1,
    });
  });

  it('clears the secrets of a running task that will not run again', async () => {
    const id = await site.interrupted('none', { silentSeconds: 1 });
    await site.createPass().runOnce();
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
      secrets: null,
    });
  });

  it('decides once on each interruption, however many passes run at once', async () => {
    // Enough for the passes to meet: without the guard of the update, about one task in a hundred was decided on twice.
    const n = 1_000;
    for (let i = 0; i < n; i++) {
      const id = await insertTask(site.knex);
      await site.remember(id, {
        strategy: i % 2 ? 'restart' : 'none',
      });
    }
    const all = await Promise.all(
      // SQLite has one connection, and each pass would wait for all others.
      Array.from({ length: isSqlite(site.knex) ? 4 : 20 }, () =>
        site.createPass().runOnce(),
      ),
    );
    expect(all.reduce((sum, c) => sum + c.restart, 0)).toBe(n / 2);
    expect(all.reduce((sum, c) => sum + c.failed, 0)).toBe(n / 2);
    expect(all.reduce((sum, c) => sum + c.error, 0)).toBe(0);
    expect(await site.knex(ATTEMPTS).max({ attempt: 'attempt' })).toEqual([
      { attempt: 1 },
    ]);
  }, 180_000);
});
