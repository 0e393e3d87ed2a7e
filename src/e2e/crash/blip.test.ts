import { Knex } from 'knex';
import { readOutcome, startStory, Strategy } from '../../../dev/harness/story';
import { TestSite } from '../../../dev/harness/TestSite';
import { withOwnServer, withSite } from '../__testUtils__/withSite';
import { ATTEMPTS } from '../../database/tables';

jest.setTimeout(300_000);

/** So long that nothing is recovered for its silence alone. */
const recoverTasksTimeout = { minutes: 10 };

const onceEach = { repository: 1, fetch: 1, transform: 1, publish: 1 };

describe('a lost connection to the database', () => {
  /** Has the server end the connection on which the record of a finished `transform` is stored, once for each of the tasks. */
  async function endConnections(knex: Knex, taskIds: string[]) {
    for (const id of taskIds) {
      await knex.raw(`create sequence ??`, [`once-${id}`]);
    }
    await knex.raw(`
      create function end_connection() returns trigger language plpgsql as $$
      declare once text := format('%I', 'once-' || new.id);
      begin
        if to_regclass(once) is not null and new.state like '%"transform":{"status%' and nextval(once::regclass) = 1 then
          perform pg_terminate_backend(pg_backend_pid()), pg_sleep(5);
        end if;
        return new;
      end $$;
      create trigger end_connection before update of state on tasks
        for each row execute function end_connection();
    `);
  }

  /** Keeps each status that a task ever shows. */
  async function keepStatuses(knex: Knex) {
    await knex.raw(`
      create table statuses (task_id uuid, status text);
      create function keep_status() returns trigger language plpgsql as $$ begin
        insert into statuses values (new.id, new.status);
        return new;
      end $$;
      create trigger keep_status after update of status on tasks
        for each row execute function keep_status();
    `);
  }

  const statusesOf = (knex: Knex, taskId: string): Promise<string[]> =>
    knex('statuses').where({ task_id: taskId }).distinct().pluck('status');

  const attemptsOf = (knex: Knex, taskId: string) =>
    knex(ATTEMPTS).where({ task_id: taskId });

  it.concurrent(
    'has tasks go on after seconds, or be closed with the reason, when a step cannot be recorded',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const backend = await site.createBackend('backend', {
          recoverTasksTimeout,
        });
        const client = await backend.start();
        const ids = await startStory(client, 6);
        const knex = site.openScaffolderDatabase();
        await keepStatuses(knex);
        await endConnections(knex, Object.values(ids));
        const { gitDirectory } = site;
        const read = (strategy: Strategy) =>
          readOutcome(client, { id: ids[strategy], strategy, gitDirectory });
        const problem = 'terminating connection due to administrator command';

        expect(await read('idempotent')).toMatchObject({
          status: 'completed',
          runs: { ...onceEach, transform: 2 },
          skipped: ['repository', 'fetch'],
        });
        expect(await read('restart')).toMatchObject({
          status: 'completed',
          runs: { repository: 2, fetch: 2, transform: 2, publish: 1 },
        });
        for (const strategy of ['idempotent', 'restart'] as const) {
          expect(await statusesOf(knex, ids[strategy])).not.toContain('failed');
          expect(await attemptsOf(knex, ids[strategy])).toMatchObject([
            { interrupted_at: 'transform', interrupted_by: 'connection' },
          ]);
        }

        expect(await read('none')).toMatchObject({
          status: 'failed',
          runs: { ...onceEach, publish: 0 },
        });
        const [{ reason }] = await attemptsOf(knex, ids.none);
        expect(reason).toContain(
          `Interrupted at step 'transform': the scaffolder's connection to the database was lost (${problem})`,
        );
        expect(reason).toContain(`which counts as 'none'`);
        expect(await backend.log()).toContain(
          `Task ${ids.none} is interrupted: the scaffolder lost its database connection (${problem})`,
        );
      }),
  );

  it.concurrent(
    'has nothing become of another task that runs at the same time',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const backend = await site.createBackend('backend', {
          recoverTasksTimeout,
        });
        const client = await backend.start();
        const [hit, other] = await Promise.all(
          ['hit', 'other'].map(name =>
            client.dispatch('template:default/sample-idempotent', {
              name,
              seconds: 6,
            }),
          ),
        );
        await client.waitForStep(hit, 'transform');
        const knex = site.openScaffolderDatabase();
        await endConnections(knex, [hit]);
        for (const id of [hit, other]) {
          expect(await client.waitForEnd(id)).toMatchObject({
            status: 'completed',
          });
        }
        expect(await attemptsOf(knex, hit)).toHaveLength(1);
        expect(await attemptsOf(knex, other)).toEqual([]);
      }),
  );

  it.concurrent(
    'has tasks go on when PostgreSQL is away for 8 s while their steps end',
    () =>
      withOwnServer(async (site, server) => {
        const backend = await site.createBackend('backend', {
          recoverTasksTimeout,
        });
        const client = await backend.start();
        const ids = await startStory(client, 4);
        const knex = site.openScaffolderDatabase();
        await keepStatuses(knex);
        await server.interrupt(8_000);

        const read = (strategy: Strategy) =>
          readOutcome(client, {
            id: ids[strategy],
            strategy,
            gitDirectory: site.gitDirectory,
          });
        // This one may have gone through: a snapshot of its files is tried until the server is back.
        expect(await read('idempotent')).toMatchObject({
          status: 'completed',
          runs: { repository: 1, fetch: 1, publish: 1 },
        });
        expect(await read('restart')).toMatchObject({
          status: 'completed',
          runs: { transform: 2, publish: 1 },
        });
        expect(await read('none')).toMatchObject({
          status: 'failed',
          runs: { ...onceEach, publish: 0 },
        });
        for (const strategy of ['idempotent', 'restart'] as const) {
          expect(await statusesOf(knex, ids[strategy])).not.toContain('failed');
        }
        for (const strategy of ['restart', 'none'] as const) {
          expect(await attemptsOf(knex, ids[strategy])).toMatchObject([
            { interrupted_by: 'connection' },
          ]);
        }
      }),
  );
});
