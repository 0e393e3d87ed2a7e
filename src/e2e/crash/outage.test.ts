import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import {
  readOutcome,
  startStory,
  STRATEGIES,
  Strategy,
} from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { ATTEMPTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { silentForAtLeast } from '../../database/time';
import { TestSite } from '../../../dev/harness/TestSite';
import { withOwnServer, withSite } from '../__testUtils__/withSite';

jest.setTimeout(600_000);

const onceEach = { repository: 1, fetch: 1, transform: 1, publish: 1 };

describe('replicas', () => {
  /** Each on a host of its own. The client talks to the first one. */
  async function startReplicas(
    site: TestSite,
    count: number,
    timeoutSeconds: number,
  ) {
    const backends = await Promise.all(
      ['first', 'second', 'third']
        .slice(0, count)
        .map(name =>
          site.createBackend(
            name,
            { recoverTasksTimeout: { seconds: timeoutSeconds } },
            { isOwnHost: true },
          ),
        ),
    );
    // One after the other: the plugins' migrations race on an empty database.
    const clients: ScaffolderClient[] = [];
    for (const backend of backends) {
      clients.push(await backend.start());
    }
    return { backends, client: clients[0] };
  }

  async function expectStepsOnce(
    site: TestSite,
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

  it.concurrent.each([1, 3])(
    'run each step once though PostgreSQL is away for 4 s in the middle of it; replicas: %s',
    count =>
      withOwnServer(async (site, server) => {
        const { backends, client } = await startReplicas(site, count, 15);
        // Long enough for the timeout to pass after the outage, three times.
        const ids = await startStory(client, 60);
        await server.interrupt(4_000);

        await expectStepsOnce(site, client, ids);
        for (const backend of backends) {
          expect(await backend.log()).not.toContain('; interrupted ');
        }
      }),
  );

  it.concurrent(
    'run each step once though their connections are severed in the middle of it, again and again',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const { client } = await startReplicas(site, 2, 5);
        const ids = await startStory(client, 20);
        const knex = site.openScaffolderDatabase();
        let severed = 0;
        for (let i = 0; i < 4; i++) {
          const { rows } = await knex.raw(
            `select pg_terminate_backend(pid) as done, now() as at from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
          );
          const severedAt = rows[0].at;
          severed += rows.filter((row: { done: boolean }) => row.done).length;
          await waitFor('what is severed to beat again', async () => {
            const beating = await knex(TASKS).where(
              'last_heartbeat_at',
              '>',
              severedAt,
            );
            return beating.length === STRATEGIES.length;
          });
        }
        expect(severed).toBeGreaterThan(4);

        await expectStepsOnce(site, client, ids);
        expect(await knex(ATTEMPTS)).toEqual([]);
      }),
  );

  it.concurrent(
    'run each step once though a process stalls in the middle of it, for less than the timeout',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const { backends, client } = await startReplicas(site, 2, 30);
        const [first] = backends;
        const ids = await startStory(client, 20);
        const knex = site.openScaffolderDatabase();
        first.signal('SIGSTOP');
        await waitFor('the tasks to be silent', async () => {
          const silent = await knex(TASKS).where(silentForAtLeast(knex, 6));
          return silent.length === STRATEGIES.length;
        });
        first.signal('SIGCONT');

        await expectStepsOnce(site, client, ids);
        expect(await knex(ATTEMPTS)).toEqual([]);
      }),
  );

  it.concurrent.each([false, true])(
    'know of a run that lost ownership while its process was stopped; it exits: %s',
    recoverTasksExitOnLostOwnership =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const scaffolder = {
          recoverTasksTimeout: { seconds: 5 },
          recoverTasksExitOnLostOwnership,
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
        if (recoverTasksExitOnLostOwnership) {
          await waitFor('the process to end', async () => first.hasExited, {
            timeoutMs: 10_000,
          });
        }
        const says = async (strategy: Strategy) =>
          (await survivor.events(ids[strategy])).some(e =>
            e.body.message?.startsWith('Warning: this task was reclaimed'),
          );
        for (const strategy of STRATEGIES) {
          if (!recoverTasksExitOnLostOwnership) {
            await waitFor(`the warning in the log of ${strategy}`, () =>
              says(strategy),
            );
          }
          expect(await first.log()).toContain(
            `Task ${ids[strategy]}: reclaimed by attempt 1`,
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
      }),
  );
});
