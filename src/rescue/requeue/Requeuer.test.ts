import { TestDatabases } from '@backstage/backend-test-utils';
import fs from 'node:fs';
import { listStale, readDelays } from '../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  readAttempts,
  readTask,
  TEST_DATABASE_IDS,
  withRowsReversed,
} from '../../__testUtils__/scaffolderDatabase';
import { isSqlite } from '../../database/time';
import { NO_DECISIONS, PassSite } from '../__testUtils__/PassSite';
import { TASK_EVENTS } from '../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('Requeuer on %s', databaseId => {
  const site = new PassSite();

  beforeAll(() => site.open(databases.init(databaseId)));
  beforeEach(() => site.reset());

  it('hands a task over at any other time, and leaves it alone until it was claimed', async () => {
    const id = await site.interrupted('idempotent');
    const pass = site.createPass();
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, resume: 1 });

    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
    });
    expect(await listStale(site.knex)).toContain(id);
    expect(await site.stepsOf(id)).toEqual(['one']);
    // The scaffolder writes the recovered event when it opens the task.
    expect(await site.newEvents(id)).toEqual([
      { type: 'log', body: { stepId: 'two', message: expect.any(String) } },
    ]);
    expect(site.events.publish).not.toHaveBeenCalled();

    expect(await pass.runOnce()).toEqual(NO_DECISIONS);
    expect(await readAttempts(site.knex, id)).toHaveLength(1);
  });

  it('leaves one of the tasks that it hands over to its own next poll, and what it could not run to later ones', async () => {
    for (let i = 0; i < 4; i++) {
      await site.interrupted('restart');
    }
    const running = await insertTask(site.knex, { silentSeconds: 0 });
    await site.runs.claimed(running);
    site.poll.sent('update "tasks" set "status" = ? returning "id", "spec"');
    await site.createPass({ concurrentTasks: 3 }).runOnce();

    // Two slots are free: one task now, one at the poll in ten seconds, two in between.
    const delays = await readDelays(site.knex);
    expect([...delays.values()].sort()).toEqual(
      // On SQLite there is no other process.
      isSqlite(site.knex) ? [0, 0, 0, 0] : [0, 3.3, 6.7, 9.8],
    );
    const atOnce = [...delays.keys()].find(id => delays.get(id) === 0);
    expect(await listStale(site.knex)).toContain(atOnce);
  });

  it('hands over in the startup hook of a process without workers', async () => {
    const id = await site.interrupted('restart');
    expect(
      await site.createPass({ concurrentTasks: 0 }).runAtStartup(),
    ).toEqual({
      ...NO_DECISIONS,
      restart: 1,
    });
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
    });
    expect(await listStale(site.knex)).toContain(id);
  });

  it('completes a pending hand-over in the startup hook, as the same attempt', async () => {
    const id = await site.interrupted('restart');
    await site.createPass().runOnce();
    site.directory.setContent({ [id]: { 'half-written': 'x' } });

    expect(await site.createPass().runAtStartup()).toEqual(NO_DECISIONS);
    expect(await readTask(site.knex, id)).toMatchObject({ status: 'open' });
    expect((await site.newEvents(id)).at(-1)).toEqual({
      type: 'recovered',
      body: { recoverStrategy: 'restart' },
    });
    expect(await readAttempts(site.knex, id)).toHaveLength(1);
    expect(fs.existsSync(site.directory.resolve(id))).toBe(false);
  });

  it('publishes each recovered event with its own id, in whatever order the database returns its rows', async () => {
    for (let i = 0; i < 3; i++) {
      await site.interrupted('restart');
    }
    // Handed over, so that the startup hook opens these three as well as decides on three others.
    await site.createPass().runOnce();
    for (let i = 0; i < 3; i++) {
      await site.interrupted('restart');
    }
    await withRowsReversed(site.knex, () => site.createPass().runAtStartup());

    const recovered = await site
      .knex(TASK_EVENTS)
      .where('event_type', 'recovered');
    const published = site.events.publish.mock.calls.map(
      ([{ eventPayload }]) => eventPayload as { id: number; taskId: string },
    );
    expect(published).toHaveLength(6);
    expect(new Map(published.map(p => [p.taskId, p.id]))).toEqual(
      new Map(recovered.map(row => [row.task_id, Number(row.id)])),
    );
  });

  it('closes a task as cancelled that is cancelled while it waits to be claimed', async () => {
    const id = await site.interrupted('restart');
    const pass = site.createPass();
    await pass.runOnce();
    await insertEvent(site.knex, id, 'cancelled', {
      message: 'x',
      stepId: 'two',
    });
    expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, cancelled: 1 });
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'cancelled',
    });
  });

  it('nudges a worker for an open task, unless its own has no free slot', async () => {
    const id = await insertTask(site.knex, {
      status: 'open',
      silentSeconds: 60,
    });
    const running = await insertTask(site.knex, { silentSeconds: 0 });
    await site.runs.claimed(running);
    await site.createPass({ concurrentTasks: 1 }).runOnce();
    expect(await readTask(site.knex, id)).toMatchObject({ status: 'open' });
    await site.createPass({ concurrentTasks: 2 }).runOnce();
    expect(await readTask(site.knex, id)).toMatchObject({
      status: 'processing',
    });
    expect(site.logger.info).toHaveBeenCalledWith(
      expect.stringContaining('handed over to nudge a worker'),
    );
  });
});
