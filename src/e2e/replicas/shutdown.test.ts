import path from 'node:path';
import {
  countRuns,
  ScaffolderClient,
} from '../../../dev/harness/backend/ScaffolderClient';
import {
  readDifferences,
  startStory,
  Strategy,
} from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { ATTEMPTS, SHUTDOWNS } from '../../database/tables';
import { ENGINES, TestSite } from '../../../dev/harness/TestSite';
import { withOwnServer, withSite } from '../__testUtils__/withSite';

jest.setTimeout(600_000);

/** Longer than all waits of these tests: a task that waited for it would not go on in time. */
const LONG = { hours: 1 };

/** What PostgreSQL tells of the silence of a task that a living replica decided on: 5 s, and until the next pass of a busy machine. */
const SHUTDOWN_SILENCE_SECONDS = 15;

const STRATEGIES: Strategy[] = ['restart', 'idempotent'];

describe('a backend that is asked to end', () => {
  /** Resolves when both tasks go on. */
  async function untilBothGoOn(
    client: ScaffolderClient,
    ids: Record<Strategy, string>,
  ): Promise<void> {
    for (const strategy of STRATEGIES) {
      await waitFor(`${strategy} to go on`, async () => {
        const events = await client.events(ids[strategy]);
        const recovered = events.findIndex(e => e.type === 'recovered');
        return (
          recovered >= 0 &&
          events.slice(recovered).some(e => e.body.status === 'processing')
        );
      });
    }
  }

  async function expectNoAttemptUsed(
    site: TestSite,
    ids: Record<Strategy, string>,
  ) {
    const attempts = await site
      .openScaffolderDatabase()(ATTEMPTS)
      .orderBy('task_id');
    expect(attempts.map(a => a.task_id).sort()).toEqual(
      Object.values(ids).sort(),
    );
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ attempt: 1, spent: 0 });
      expect(Boolean(attempt.planned)).toBe(true);
    }
    return attempts;
  }

  it('and started again at once lets its tasks go on long before the timeout, on SQLite', () =>
    withSite(TestSite.create('SQLite'), async site => {
      const backend = await site.createBackend('backend', {
        recoverTasksTimeout: LONG,
      });
      const ids = await startStory(await backend.start(), 10);
      await backend.kill('SIGTERM');
      const client = await backend.start();
      await untilBothGoOn(client, ids);
      expect(
        await readDifferences(client, {
          ids,
          gitDirectory: site.gitDirectory,
        }),
      ).toEqual([]);
      await expectNoAttemptUsed(site, ids);
      expect(
        (await client.events(ids.restart)).map(e => e.body.message),
      ).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            /^Interrupted at step 'transform': .* was shut down /,
          ),
        ]),
      );
    }));

  it.each([true, false])(
    'leaves its tasks to a living replica, on PostgreSQL; it is started again at once: %s',
    isStartedAgain =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const [first, second] = await Promise.all(
          ['first', 'second'].map(name =>
            site.createBackend(
              name,
              { recoverTasksTimeout: LONG },
              { isOwnHost: true },
            ),
          ),
        );
        const client = await first.start();
        const survivor = await second.start();
        const ids = await startStory(client, 10);
        // Longer than all that follows.
        const untouched = await survivor.dispatch(
          'template:default/sample-none',
          { name: 'untouched', seconds: 30 },
        );
        await survivor.waitForStep(untouched, 'transform');

        await first.kill('SIGTERM');
        const started = isStartedAgain ? first.start() : undefined;
        await untilBothGoOn(survivor, ids);
        await started;

        expect(
          await readDifferences(survivor, {
            ids,
            gitDirectory: site.gitDirectory,
          }),
        ).toEqual([]);
        for (const attempt of await expectNoAttemptUsed(site, ids)) {
          expect(attempt.seconds_silent).toBeLessThan(SHUTDOWN_SILENCE_SECONDS);
        }
        const task = await survivor.waitForEnd(untouched);
        const events = await survivor.events(untouched);
        expect(task.status).toBe('completed');
        expect([...countRuns(task, events).values()]).toEqual([1, 1, 1, 1]);
      }),
  );

  it.each(ENGINES)(
    'lets its tasks end with a graceful shutdown, and nothing runs again, on %s',
    engine =>
      withSite(TestSite.create(engine), async site => {
        const backend = await site.createBackend('backend', {
          recoverTasksTimeout: { seconds: 5 },
          EXPERIMENTAL_gracefulShutdown: true,
        });
        const ids = await startStory(await backend.start(), 8);
        await backend.kill('SIGTERM');

        const client = await backend.start();
        for (const id of Object.values(ids)) {
          const task = await client.task(id);
          const events = await client.events(id);
          expect(task.status).toBe('completed');
          expect([...countRuns(task, events).values()]).toEqual([1, 1, 1, 1]);
        }
        expect(await site.openScaffolderDatabase()(ATTEMPTS)).toEqual([]);
      }),
  );

  it('keeps its tasks with a graceful shutdown though their heartbeats fail meanwhile', () =>
    withOwnServer(async (site, server) => {
      const [first, second] = await Promise.all(
        ['first', 'second'].map(name =>
          site.createBackend(
            name,
            {
              recoverTasksTimeout: LONG,
              EXPERIMENTAL_gracefulShutdown: true,
            },
            { isOwnHost: true },
          ),
        ),
      );
      const client = await first.start();
      const survivor = await second.start();
      // Long enough for the other one to trust the heartbeats again, and to take the tasks over.
      const ids = await startStory(client, 25);
      const ended = first.kill('SIGTERM');
      const knex = site.openScaffolderDatabase();
      await waitFor('the tasks to be marked', async () => {
        const marks = await knex(SHUTDOWNS).pluck('task_id');
        return marks.length === 3;
      });
      await server.interrupt(2_000);
      await ended;
      expect(
        (await first.log()).match(/Heartbeat for task .* failed/g),
      ).toHaveLength(3);
      for (const id of Object.values(ids)) {
        const task = await survivor.task(id);
        const events = await survivor.events(id);
        expect(task.status).toBe('completed');
        expect([...countRuns(task, events).values()]).toEqual([1, 1, 1, 1]);
      }
      expect(await knex(ATTEMPTS)).toEqual([]);
    }));

  it('keeps a task that it claims even then, with a graceful shutdown', () =>
    withOwnServer(async (site, server) => {
      const scaffolder = { recoverTasksTimeout: { seconds: 5 } };
      const first = await site.createBackend(
        'first',
        {
          ...scaffolder,
          concurrentTasksLimit: 1,
          EXPERIMENTAL_gracefulShutdown: true,
        },
        {
          entry: path.join(__dirname, '../__testUtils__/slowShutdown.ts'),
          isOwnHost: true,
        },
      );
      const second = await site.createBackend('second', scaffolder, {
        isOwnHost: true,
      });
      const client = await first.start();
      const survivor = await second.start();
      const dispatch = (name: string, seconds: number) =>
        client.dispatch('template:default/sample-restart', { name, seconds });
      const short = await dispatch('short', 3);
      await client.waitForStep(short, 'transform');
      // Long enough for the other one to trust the heartbeats again, and to take it over.
      const long = await dispatch('long', 25);
      const ended = first.kill('SIGTERM');
      await survivor.waitForStep(long, 'transform');
      await server.interrupt(2_000);
      await ended;

      const log = await first.log();
      expect(log).toContain(`Heartbeat for task ${long} failed`);
      expect(log).toMatch(
        new RegExp(
          `These tasks run in this process, which shuts down.*: ${short}`,
        ),
      );
      const task = await survivor.task(long);
      expect(task.status).toBe('completed');
      const counts = countRuns(task, await survivor.events(long));
      expect([...counts.values()]).toEqual([1, 1, 1, 1]);
      expect(await site.openScaffolderDatabase()(ATTEMPTS)).toEqual([]);
    }));
});
