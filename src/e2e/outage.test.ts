import { BackendProcess } from '../../dev/harness/BackendProcess';
import { PostgresProcess } from '../../dev/harness/PostgresProcess';
import { ScaffolderClient } from '../../dev/harness/ScaffolderClient';
import {
  readOutcome,
  startStory,
  STRATEGIES,
  Strategy,
} from '../../dev/harness/story';
import { waitFor } from '../../dev/harness/waitFor';
import { setTimeout as sleep } from 'node:timers/promises';
import { ATTEMPTS } from '../database/tables';
import { TestSite } from '../../dev/harness/TestSite';

jest.setTimeout(240_000);

const onceEach = { repository: 1, fetch: 1, transform: 1, publish: 1 };

describe('replicas', () => {
  let server: PostgresProcess;
  let site: TestSite;

  beforeAll(async () => {
    server = await PostgresProcess.start();
  });
  afterAll(() => server.stop());
  afterEach(() => site.remove());

  /** Each on a host of its own. The client talks to the first one. */
  async function startReplicas(count: number, timeoutSeconds: number) {
    site = await TestSite.create('PostgreSQL', server);
    const backends: BackendProcess[] = [];
    const clients: ScaffolderClient[] = [];
    for (const name of ['first', 'second', 'third'].slice(0, count)) {
      const backend = await site.createBackend(
        name,
        { recoverTasksTimeout: { seconds: timeoutSeconds } },
        { isOwnHost: true },
      );
      backends.push(backend);
      clients.push(await backend.start());
    }
    return { backends, client: clients[0] };
  }

  async function expectStepsOnce(
    client: ScaffolderClient,
    ids: Record<Strategy, string>,
  ) {
    for (const strategy of STRATEGIES) {
      const { status, runs } = await readOutcome(client, {
        id: ids[strategy],
        strategy,
        gitDirectory: site.gitDirectory,
      });
      expect({ strategy, status, runs }).toEqual({
        strategy,
        status: 'completed',
        runs: onceEach,
      });
    }
  }

  it.each([1, 3])(
    'run each step once though PostgreSQL is away for 4 s in the middle of it; replicas: %s',
    async count => {
      const { backends, client } = await startReplicas(count, 15);
      // Long enough for the timeout to pass after the outage, three times.
      const ids = await startStory(client, 60);
      await server.interrupt(4_000);

      await expectStepsOnce(client, ids);
      for (const backend of backends) {
        expect(await backend.log()).not.toContain('Interrupted task');
      }
    },
  );

  it('run each step once though their connections are severed in the middle of it, again and again', async () => {
    const { client } = await startReplicas(2, 5);
    const ids = await startStory(client, 20);
    const knex = site.openScaffolderDatabase();
    let severed = 0;
    for (let i = 0; i < 4; i++) {
      const { rows } = await knex.raw(
        `select pg_terminate_backend(pid) as done from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      severed += rows.filter((row: { done: boolean }) => row.done).length;
      // Not longer than the timeout: what is severed is to beat again in between.
      await sleep(2_000);
    }
    expect(severed).toBeGreaterThan(4);

    await expectStepsOnce(client, ids);
    expect(await knex(ATTEMPTS)).toEqual([]);
  });

  it('run each step once though a process stalls in the middle of it, for less than the timeout', async () => {
    const { backends, client } = await startReplicas(2, 10);
    const [first] = backends;
    const ids = await startStory(client, 20);
    first.signal('SIGSTOP');
    await sleep(6_000);
    first.signal('SIGCONT');

    await expectStepsOnce(client, ids);
    expect(await site.openScaffolderDatabase()(ATTEMPTS)).toEqual([]);
  });

  it.each([false, true])(
    'know of a run that was taken over while its process was stopped; it exits: %s',
    async recoverTasksExitWhenTakenOver => {
      site = await TestSite.create('PostgreSQL', server);
      const scaffolder = {
        recoverTasksTimeout: { seconds: 5 },
        recoverTasksExitWhenTakenOver,
      };
      const [first, second] = await Promise.all(
        ['first', 'second'].map(name =>
          site.createBackend(name, scaffolder, { isOwnHost: true }),
        ),
      );
      const client = await first.start();
      const survivor = await second.start();
      const ids = await startStory(client, 30);
      first.signal('SIGSTOP');
      for (const strategy of ['restart', 'idempotent'] as const) {
        await waitFor(`the other replica to run ${strategy}`, async () => {
          const events = await survivor.events(ids[strategy]);
          const recovered = events.findIndex(e => e.type === 'recovered');
          return (
            recovered >= 0 &&
            events.slice(recovered).some(e => e.body.status === 'processing')
          );
        });
      }
      await survivor.waitForEnd(ids.none);
      first.signal('SIGCONT');
      if (recoverTasksExitWhenTakenOver) {
        await waitFor('the process to end', async () => first.hasExited, {
          timeoutMs: 2_000,
        });
      }
      const says = async (strategy: Strategy) =>
        (await survivor.events(ids[strategy])).some(e =>
          e.body.message?.startsWith('Warning: this task was taken over'),
        );
      for (const strategy of STRATEGIES) {
        if (!recoverTasksExitWhenTakenOver) {
          await waitFor(`the warning in the log of ${strategy}`, () =>
            says(strategy),
          );
        }
        expect(await first.log()).toContain(
          `Task ${ids[strategy]}: this task was taken over by attempt 1`,
        );
      }
      // Nothing was run a third time by that.
      for (const strategy of ['restart', 'idempotent'] as const) {
        const { runs } = await readOutcome(survivor, {
          id: ids[strategy],
          strategy,
          gitDirectory: site.gitDirectory,
        });
        expect(runs.transform).toBe(2);
      }
    },
  );
});
