import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  migrateScaffolderOnly,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { applyMigrations, MIGRATIONS } from '../migrations';
import { ATTEMPTS, SHUTDOWNS, NUDGES } from '../tables';
import { TASK_EVENTS, TASKS } from '../../scaffolder/tables';
import { isSqlite } from '../time';
import { Blocker } from './blockers';
import { DatabaseReadiness } from './DatabaseReadiness';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'DatabaseReadiness on %s',
  databaseId => {
    let knex: Knex;
    let ms: number;
    beforeEach(async () => {
      knex = await databases.init(databaseId);
      ms = 0;
    });

    function create({ skip = false } = {}): DatabaseReadiness {
      const database = { migrations: { skip } };
      return new DatabaseReadiness({ knex, database, clock: () => ms });
    }

    async function blockerOf(readiness: DatabaseReadiness): Promise<Blocker> {
      const error = await readiness.ensure().then(
        () => undefined,
        e => e,
      );
      expect(error).toBeInstanceOf(Blocker);
      return error;
    }

    it('creates the tables once, though many ask for it at once', async () => {
      await migrateScaffolderOnly(knex);
      const readiness = create();
      await Promise.all([1, 2, 3].map(() => readiness.ensure()));
      expect(await knex.schema.hasTable(ATTEMPTS)).toBe(true);
      const queries: string[] = [];
      knex.on('query', ({ sql }) => queries.push(sql));
      await readiness.ensure();
      expect(queries).toEqual([]);
    });

    it('reports a task store other than that of the scaffolder, and creates nothing in it', async () => {
      const readiness = create();
      const none = await blockerOf(readiness);
      expect(none.message).toMatch(
        /tasks: .*(no such table|does not exist).*scaffolderTaskBrokerExtensionPoint.*set scaffolder.recoverTasks to false/,
      );
      expect(none.canDefer).toBe(false);

      await knex.schema.createTable(TASKS, table => table.uuid('id'));
      expect((await blockerOf(readiness)).message).toMatch(
        /tasks: .*column.*task_events: /,
      );
      expect(await knex.schema.hasTable(MIGRATIONS.tableName)).toBe(false);
    });

    it('is ready as soon as an operator who skips migrations has created the tables', async () => {
      await migrateScaffolderOnly(knex);
      const readiness = create({ skip: true });
      const blocker = await blockerOf(readiness);
      expect(blocker.message).toMatch(
        /scaffolder_recovery_attempts: .*skipMigrations.*start one backend with migrations on/,
      );
      expect(blocker.canDefer).toBe(true);
      await applyMigrations({}, knex);
      await readiness.ensure();
    });

    it('reports tables that its user may not read, and how to grant it', async () => {
      // SQLite has no rights.
      if (isSqlite(knex)) {
        return;
      }
      await migrateScaffolderOnly(knex);
      await applyMigrations({}, knex);
      const role = `role_${randomUUID().replaceAll('-', '')}`;
      await knex.raw(`create role ${role} login password 'secret'`);
      await knex.raw(`grant select on ${TASKS}, ${TASK_EVENTS} to ${role}`);
      const connection = { ...knex.client.config.connection };
      const limited = knexFactory({
        client: 'pg',
        connection: { ...connection, user: role, password: 'secret' },
      });
      try {
        const readiness = new DatabaseReadiness({
          knex: limited,
          database: { migrations: { skip: true } },
        });
        const blocker = await blockerOf(readiness);
        expect(blocker.message).toMatch(
          /may not read tables of this module. The database reported: permission denied for table scaffolder_recovery_strategies. Grant it all rights on scaffolder_recovery_strategies, /,
        );
        expect(blocker.canDefer).toBe(true);
        await knex.raw(`grant all on all tables in schema public to ${role}`);
        await readiness.ensure();
      } finally {
        await limited.destroy();
        await knex.raw(`drop owned by ${role}`);
        await knex.raw(`drop role ${role}`);
      }
    });

    it('reports the error of the database when the tables cannot be created, and tries again after a while', async () => {
      await migrateScaffolderOnly(knex);
      await knex.schema.createTable(NUDGES, table => table.integer('odd'));
      const readiness = create();
      const blocker = await blockerOf(readiness);
      expect(blocker.message).toMatch(/already exists.*long transactions/);
      expect(blocker.message).not.toMatch(/create table ["`]/);
      expect(blocker.canDefer).toBe(true);

      await knex.schema.dropTable(NUDGES);
      ms = 9_999;
      expect(await blockerOf(readiness)).toBe(blocker);
      ms = 10_000;
      await readiness.ensure();
    });

    it('reports how to free a lock that something else has left', async () => {
      await migrateScaffolderOnly(knex);
      await applyMigrations({}, knex);
      await knex(`${MIGRATIONS.tableName}_lock`).update({ is_locked: 1 });
      const readiness = create();
      const { message } = await blockerOf(readiness);
      const [, remedy] = /run: (delete from \w+)/.exec(message)!;
      await knex.raw(remedy);
      ms = 10_000;
      await expect(readiness.ensure()).resolves.toBeUndefined();
    });

    it('was ready once it is, though it is doubted and the database goes away then', async () => {
      const readiness = create();
      await blockerOf(readiness);
      expect(readiness.wasReady).toBe(false);
      await migrateScaffolderOnly(knex);
      await readiness.ensure();
      expect(readiness.wasReady).toBe(true);
      readiness.doubt();
      await knex.destroy();
      await expect(readiness.ensure()).rejects.toThrow();
      expect(readiness.wasReady).toBe(true);
    });

    it('finds, when it checks again, that a table or column is gone', async () => {
      await migrateScaffolderOnly(knex);
      const readiness = create();
      await readiness.ensure();
      await knex.schema.dropTable(SHUTDOWNS);
      await knex.schema.alterTable(ATTEMPTS, t => t.dropColumn('reason'));
      await readiness.ensure();
      readiness.doubt();
      const { message } = await blockerOf(readiness);
      expect(message).toMatch(
        /attempts: .*reason.*shutdowns: .*Restore them.*created again/,
      );
      // The remedy in the message.
      for (const table of await ownTables()) {
        await knex.schema.dropTable(table);
      }
      await readiness.ensure();
    });

    async function ownTables(): Promise<string[]> {
      const names = ['attempts', 'strategies', 'wakeups', 'snapshots'];
      const others = ['manifests', 'packs', 'stored', 'processes', 'claims'];
      const migrations = ['migrations', 'migrations_lock'];
      return [...names, ...others, ...migrations].map(
        n => `scaffolder_recovery_${n}`,
      );
    }

    it('passes on that the connection is lost while the tables are created, and creates them with the next call', async () => {
      await migrateScaffolderOnly(knex);
      const lost = new Error('Connection terminated unexpectedly');
      let isAway = true;
      const readiness = new DatabaseReadiness({
        knex: new Proxy(knex, {
          get: (target: any, name) =>
            name === 'transaction' && isAway
              ? async () => {
                  throw lost;
                }
              : target[name],
        }),
        database: {},
      });
      await expect(readiness.ensure()).rejects.toBe(lost);
      isAway = false;
      await readiness.ensure();
      expect(readiness.wasReady).toBe(true);
    });

    it('passes on that the database does not answer, which is no fault of the tables', async () => {
      const readiness = create();
      await knex.destroy();
      const error = await readiness.ensure().catch(e => e);
      expect(error).not.toBeInstanceOf(Blocker);
      expect(error.message).toMatch(/acquire a connection/);
    });
  },
);
