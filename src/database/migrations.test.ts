import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { waitFor } from '../../dev/harness/waitFor';
import {
  insertTask,
  migrateScaffolder,
  migrateScaffolderOnly,
  readTask,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { applyMigrations, MIGRATIONS } from './migrations';
import { ensureInFlightIndex } from './operations/server/ensureInFlightIndex';
import { findMissingTables } from './operations/server/findMissingTables';
import { OWN_TABLES } from './ownTables';
import { saveClaims } from './operations/processes/claims';
import { markInterrupted } from './operations/runs/markInterrupted';
import {
  ATTEMPTS,
  CLAIMS,
  MANIFESTS,
  PACKS,
  SHUTDOWNS,
  SNAPSHOTS,
  STRATEGIES,
  NUDGES,
} from './tables';
import { TASKS } from '../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

async function initScaffolder(databaseId: TestDatabaseId): Promise<Knex> {
  const knex = await databases.init(databaseId);
  await migrateScaffolderOnly(knex);
  return knex;
}

/** What the module has in the database, of any kind. */
async function listOwn(knex: Knex): Promise<string[]> {
  const isSqlite = knex.client.config.client !== 'pg';
  return isSqlite
    ? knex('sqlite_master')
        .where('name', 'like', 'scaffolder_recovery%')
        .pluck('name')
    : knex('pg_class')
        .where('relname', 'like', 'scaffolder_recovery%')
        .pluck('relname');
}

describe.each(databases.eachSupportedId())('migrations on %s', databaseId => {
  it('go up and down with rows in place, and leave the tasks as they were', async () => {
    const knex = await initScaffolder(databaseId);
    const id = await insertTask(knex);
    const before = await readTask(knex, id);

    await applyMigrations({}, knex);
    await ensureInFlightIndex(knex);
    await knex(STRATEGIES).insert({
      task_id: id,
      strategy: 'none',
      source: 'default',
    });
    await knex(ATTEMPTS).insert({
      task_id: id,
      attempt: 1,
      decision: 'failed',
    });
    expect(await knex(ATTEMPTS).first()).toMatchObject({
      task_id: id,
      attempt: 1,
      decision: 'failed',
      strategy: null,
      decided_at: expect.anything(),
      spent: 0,
      finished_steps: 0,
    });
    await markInterrupted(knex, [{ taskId: id, recoveredEvent: 0 }], {
      cause: 'shutdown',
    });
    await knex(SNAPSHOTS).insert({
      task_id: id,
      number: 1,
      kind: 'begin',
      epoch: 1,
      last_event: 0,
      files: 0,
      bytes: 0,
      stored_bytes: 0,
    });
    const content = Buffer.from([0, 1, 2]);
    await knex(MANIFESTS).insert({ task_id: id, number: 1, part: 0, content });
    await knex(PACKS).insert({ task_id: id, pack: id, content });
    expect(await knex(SNAPSHOTS).first()).toMatchObject({
      base: null,
      attempt: null,
      changed: null,
      missing: null,
      created_at: expect.anything(),
    });
    expect(await knex(PACKS).first()).toMatchObject({ content });
    await expect(
      knex(ATTEMPTS).insert({ task_id: id, attempt: 1, decision: 'resume' }),
    ).rejects.toMatchObject({ message: expect.stringMatching(/unique/i) });

    await knex.migrate.rollback(MIGRATIONS, true);
    expect(
      (await listOwn(knex)).filter(name => !/_migrations/.test(name)),
    ).toEqual([]);
    expect(await readTask(knex, id)).toEqual(before);

    await applyMigrations({}, knex);
    expect(await knex(ATTEMPTS).select()).toEqual([]);
  });

  it('go on from an earlier release with rows in place', async () => {
    const knex = await initScaffolder(databaseId);
    for (const name of ['20261123000000_init', '20261126000000_workspaces']) {
      await knex.migrate.up({ ...MIGRATIONS, name: `${name}.js` } as object);
    }
    const id = await insertTask(knex);
    await knex(SHUTDOWNS).insert({ task_id: id, recovered_event: 3 });
    await knex(ATTEMPTS).insert({
      task_id: id,
      attempt: 1,
      decision: 'failed',
    });

    await applyMigrations({}, knex);
    expect(await findMissingTables(knex, OWN_TABLES)).toEqual([]);
    expect(await knex(SHUTDOWNS).first()).toMatchObject({ cause: 'shutdown' });
    expect(await knex(ATTEMPTS).first()).toMatchObject({
      interrupted_by: null,
      known_by: null,
    });
    // As the earlier release does, beside this one.
    const other = await insertTask(knex);
    await markInterrupted(knex, [{ taskId: other, recoveredEvent: 0 }], {
      cause: 'shutdown',
    });
    await saveClaims(knex, [{ taskId: id, process: 1, recoveredEvent: 0 }]);
    await knex(TASKS).delete();
    expect(await knex(CLAIMS)).toEqual([]);
  });

  it('leave nothing behind when they fail in the middle, and work the next time', async () => {
    const knex = await initScaffolder(databaseId);
    // The last of the tables.
    await knex.schema.createTable(NUDGES, table => table.integer('odd'));
    const before = await listOwn(knex);
    await expect(applyMigrations({}, knex)).rejects.toMatchObject({
      message: expect.stringMatching(/already exists/),
    });
    expect(await listOwn(knex)).toEqual(before);

    await knex.schema.dropTable(NUDGES);
    await applyMigrations({}, knex);
    expect(await findMissingTables(knex, OWN_TABLES)).toEqual([]);
  });

  it('can be applied many times at once', async () => {
    const knex = await initScaffolder(databaseId);
    await Promise.all([1, 2, 3, 4].map(() => applyMigrations({}, knex)));
    await applyMigrations({}, knex);
    expect(await findMissingTables(knex, OWN_TABLES)).toEqual([]);
    expect(await knex(MIGRATIONS.tableName)).toHaveLength(4);
    expect(await knex(`${MIGRATIONS.tableName}_lock`)).toHaveLength(1);
  });

  it('do not stop a release that does not know all that have run', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    await knex(MIGRATIONS.tableName).insert({
      name: '20990101000000_of_a_later_release.js',
      batch: 2,
      migration_time: new Date(),
    });
    await applyMigrations({}, knex);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(true);
  });

  it('are left to the operator who skips migrations', async () => {
    const knex = await initScaffolder(databaseId);
    await applyMigrations({ migrations: { skip: true } }, knex);
    expect(await listOwn(knex)).toEqual([]);
  });
});

describe('migrations on PostgreSQL', () => {
  const databaseId = 'POSTGRES_18';

  /** As another process. */
  function connectAlso(knex: Knex): Knex {
    const { client, connection } = knex.client.config;
    return knexFactory({ client, connection, pool: { min: 0, max: 3 } });
  }

  async function waitForLock(knex: Knex, query: string): Promise<number> {
    return waitFor('the migration to wait', async () => {
      const { rows } = await knex.raw(
        `select pid from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like ?`,
        query,
      );
      return rows[0]?.pid;
    });
  }

  it('heal when the process was killed in the middle of them', async () => {
    const knex = await initScaffolder(databaseId);
    const process = connectAlso(knex);
    const blocker = await knex.transaction();
    await blocker.raw(`lock table ${TASKS} in row exclusive mode`);
    const applied = applyMigrations({}, process).catch(error => error);
    const pid = await waitForLock(knex, '%references "tasks"%');
    await knex.raw('select pg_terminate_backend(?)', pid);
    await expect(applied).resolves.toMatchObject({
      message: expect.stringMatching(/terminat|connection error/),
    });
    await blocker.rollback();
    await process.destroy();

    expect(await listOwn(knex)).toEqual([]);
    await applyMigrations({}, knex);
    expect(await findMissingTables(knex, OWN_TABLES)).toEqual([]);
  });

  it('give up when they cannot have the lock on the tasks, which heartbeats wait for as well', async () => {
    const knex = await initScaffolder(databaseId);
    const id = await insertTask(knex);
    const blocker = await knex.transaction();
    await blocker(TASKS).where({ id }).update({ status: 'processing' });
    await expect(applyMigrations({}, knex)).rejects.toThrow(/lock timeout/);
    await blocker.rollback();
    await applyMigrations({}, knex);
  });

  it('wait for none of our own tables while they lock the tasks', async () => {
    const knex = await initScaffolder(databaseId);
    for (const name of ['20261123000000_init', '20261126000000_workspaces']) {
      await knex.migrate.up({ ...MIGRATIONS, name: `${name}.js` } as object);
    }
    for (const table of [SHUTDOWNS, ATTEMPTS]) {
      const reader = await knex.transaction();
      await reader(table).first();
      const applied = applyMigrations({}, knex).catch(error => error);
      const pid = await waitForLock(knex, `alter table "${table}"%`);
      const locks = await knex('pg_locks')
        .where({ pid, relation: knex.raw('?::regclass', TASKS) })
        .pluck('mode');
      await knex.raw('select pg_cancel_backend(?)', pid);
      expect(await applied).toBeInstanceOf(Error);
      await reader.rollback();
      expect(locks).toEqual([]);
    }
    await applyMigrations({}, knex);
  });

  it('leave no setting on a pooled session', async () => {
    const knex = await initScaffolder(databaseId);
    const process = connectAlso(knex);
    const settings = async () => {
      const { rows } = await process.raw('show lock_timeout');
      return rows;
    };
    const before = await settings();
    await applyMigrations({}, process);
    await ensureInFlightIndex(process);
    for (const _ of [1, 2, 3]) {
      expect(await settings()).toEqual(before);
    }
    await process.destroy();
  });

  it('wait for each other in processes that start at once on an empty database', async () => {
    const knex = await initScaffolder(databaseId);
    const processes = [1, 2, 3].map(() => connectAlso(knex));
    await Promise.all(processes.map(process => applyMigrations({}, process)));
    expect(await knex(`${MIGRATIONS.tableName}_lock`)).toHaveLength(1);
    await Promise.all(processes.map(process => process.destroy()));
  });
});
