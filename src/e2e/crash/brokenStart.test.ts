import { JsonObject } from '@backstage/types';
import { Knex } from 'knex';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  insertTask,
  migrateScaffolderOnly,
  readTask,
} from '../../__testUtils__/scaffolderDatabase';
import { withSite } from '../__testUtils__/withSite';
import {
  Engine,
  ENGINES,
  TestSite,
  WITHOUT_MODULE,
} from '../../../dev/harness/TestSite';
import { applyMigrations } from '../../database/migrations';
import {
  hasInFlightIndex,
  IN_FLIGHT_INDEX,
} from '../../database/operations/server/ensureInFlightIndex';
import { findMissingTables } from '../../database/operations/server/findMissingTables';
import { OWN_TABLES } from '../../database/ownTables';
import { ATTEMPTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';

jest.setTimeout(600_000);

/** The scaffolder's own recovery takes what was silent for 40 s. */
const SCAFFOLDER = {
  recoverTasksTimeout: { seconds: 5 },
  taskRecovery: { enabled: true, staleTimeout: '40s' },
};

/** What the scaffolder's own recovery sends each time, which is in the log of a backend with `LOG_STATEMENTS`. */
const POLL = /update .tasks. set .*returning .id., .spec./g;
const LOG_STATEMENTS = { DEBUG: 'knex:query' };

describe('a start that breaks', () => {
  /** On a site whose scaffolder has made its tables before, without the module. */
  const withUsedScaffolder = (
    engine: Engine,
    test: (site: TestSite, knex: Knex) => Promise<void>,
  ): Promise<void> =>
    withSite(TestSite.create(engine), async site => {
      const knex = await site.createScaffolderDatabase();
      await migrateScaffolderOnly(knex);
      await test(site, knex);
    });

  /** On a site on which a whole backend has run before, without the module, so that no plugin has anything left to migrate. */
  const withUsedBackend = (
    engine: Engine,
    test: (site: TestSite, knex: Knex) => Promise<void>,
  ): Promise<void> =>
    withSite(TestSite.create(engine), async site => {
      const without = await site.createBackend('without', WITHOUT_MODULE);
      await without.boot();
      await without.kill();
      await test(site, site.openScaffolderDatabase());
    });

  const insertStale = (knex: Knex) =>
    insertTask(knex, { templateRef: 'template:default/sample-none' });

  async function waitForFailure(knex: Knex, id: string): Promise<void> {
    await waitFor(`task ${id} to be closed`, async () => {
      const { status } = await readTask(knex, id);
      return status === 'failed';
    });
    expect(await knex(ATTEMPTS).where({ task_id: id })).toMatchObject([
      { decision: 'failed', strategy: 'none' },
    ]);
  }

  async function expectNotRunAgain(
    client: ScaffolderClient,
    id: string,
  ): Promise<void> {
    const types = (await client.events(id)).map(({ type }) => type);
    expect(types).not.toContain('recovered');
  }

  it.concurrent(
    'since it was killed while the index was being made heals at the next start, and decides at once',
    () =>
      withUsedScaffolder('PostgreSQL', async (site, knex) => {
        // As a backup: the index has to wait for it.
        const backup = await knex.transaction(undefined, {
          isolationLevel: 'repeatable read',
        });
        await backup(TASKS).first();
        const backend = await site.createBackend('backend', SCAFFOLDER);
        await backend.start();
        await waitFor('the index to be waiting', async () => {
          const { rows } = await knex.raw('select to_regclass(?) as "index"', [
            IN_FLIGHT_INDEX,
          ]);
          return rows[0].index !== null;
        });
        await backend.kill();
        const id = await insertStale(knex);

        const client = await backend.start();
        await waitForFailure(knex, id);
        await expectNotRunAgain(client, id);
        expect(await hasInFlightIndex(knex)).toBe(false);
        // What PostgreSQL still makes for the killed process is cut off as well, so that it is left invalid.
        await knex.raw(
          `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query like 'create index concurrently%'`,
        );
        await backup.rollback();
        await waitFor('the index', () => hasInFlightIndex(knex), {
          timeoutMs: 90_000,
        });
      }),
  );

  it.concurrent.each(ENGINES)(
    'since migrations are skipped is reported, and starts nothing again until the tables are there; on %s',
    engine =>
      withUsedBackend(engine, async (site, knex) => {
        const id = await insertStale(knex);
        const backend = await site.createBackend('backend', SCAFFOLDER, {
          database: { plugin: { scaffolder: { skipMigrations: true } } },
          env: LOG_STATEMENTS,
        });
        const client = await backend.start();
        const polls = async () =>
          (await backend.log()).match(POLL)?.length ?? 0;
        await waitFor('two polls', async () => (await polls()) >= 2);
        expect(await readTask(knex, id)).toMatchObject({
          status: 'processing',
        });
        await expectNotRunAgain(client, id);
        const log = await backend.log();
        expect(/tables of this module are missing/.test(log)).toBe(true);
        expect(log.includes(`Task ${id} is deferred`)).toBe(true);

        await applyMigrations({}, knex);
        await waitForFailure(knex, id);
        await expectNotRunAgain(client, id);
        const isOver = /The recovery of interrupted tasks works again/;
        expect(isOver.test(await backend.log())).toBe(true);
      }),
  );

  it.concurrent(
    'does not come from two that start at once and have to make the tables',
    () =>
      // Not on an empty database: the other plugins' own migrations race there, and a backend may never get up.
      withUsedBackend('PostgreSQL', async (site, knex) => {
        const backends = await Promise.all(
          ['first', 'second'].map(name => site.createBackend(name, SCAFFOLDER)),
        );
        const clients = await Promise.all(backends.map(b => b.start()));
        expect(await findMissingTables(knex, OWN_TABLES)).toEqual([]);
        const id = await insertStale(knex);
        await waitForFailure(knex, id);
        await expectNotRunAgain(clients[0], id);
        await waitFor('the index', () => hasInFlightIndex(knex));
        for (const backend of backends) {
          expect(await backend.log()).not.toContain('cannot be recovered');
        }
      }),
  );

  it.concurrent(
    'does not come from a role that must not index the tasks: it decides, and reports what their owner can run',
    () =>
      withUsedScaffolder('PostgreSQL', async (site, knex) => {
        await knex.raw(
          `create role no_owner login password 'no-owner';
       grant create on schema public to no_owner;
       grant all on all tables in schema public to no_owner;
       grant all on all sequences in schema public to no_owner`,
        );
        const connection: JsonObject = {
          user: 'no_owner',
          password: 'no-owner',
        };
        const backend = await site.createBackend('backend', SCAFFOLDER, {
          database: { plugin: { scaffolder: { connection } } },
        });
        const client = await backend.start();
        const id = await insertStale(knex);
        await waitForFailure(knex, id);
        await expectNotRunAgain(client, id);
        const said =
          /The index .* is missing: .*must be owner of table tasks.*create index concurrently/;
        expect(
          await waitFor('the error', async () =>
            said.test(await backend.log()),
          ),
        ).toBe(true);
        await backend.kill();
        await knex.raw('drop owned by no_owner; drop role no_owner');
      }),
  );
});
