import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import {
  migrateScaffolderOnly,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import {
  ensureInFlightIndex,
  hasInFlightIndex,
} from '../operations/server/ensureInFlightIndex';
import { InFlightIndex } from './InFlightIndex';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'InFlightIndex on %s',
  databaseId => {
    it('is created, and then not checked any more', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolderOnly(knex);
      const index = new InFlightIndex({ knex, database: {} });
      await index.ensure();
      expect(await hasInFlightIndex(knex)).toBe(true);
      const queries: string[] = [];
      knex.on('query', ({ sql }) => queries.push(sql));
      await index.ensure();
      expect(queries).toEqual([]);
    });

    it('is left to the operator who skips migrations, with what to run', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolderOnly(knex);
      const database = { migrations: { skip: true } };
      const index = new InFlightIndex({ knex, database });
      await expect(index.ensure()).rejects.toThrow(
        /migrations are skipped.*create index concurrently scaffolder_recovery_in_flight_idx on tasks/,
      );
      expect(await hasInFlightIndex(knex)).toBe(false);
      await ensureInFlightIndex(knex);
      await index.ensure();
    });
  },
);

describe('InFlightIndex on PostgreSQL', () => {
  let owner: Knex;
  beforeEach(async () => {
    owner = await databases.init('POSTGRES_18');
    await migrateScaffolderOnly(owner);
  });

  it('reports that its role has to be the owner of the tasks, tries rarely, and sees when it is there', async () => {
    await owner.raw(
      'drop role if exists no_owner; create role no_owner; grant select, update on tasks to no_owner',
    );
    const { client, connection } = owner.client.config;
    const knex = knexFactory({ client, connection, pool: { min: 0, max: 5 } });
    knex.client.pool.on('createSuccess', (_: unknown, session: any) =>
      session.query('set role no_owner'),
    );
    let ms = 0;
    const index = new InFlightIndex({ knex, database: {}, clock: () => ms });
    const failures: Error[] = [];
    for (const minute of [0, 1, 9, 10]) {
      ms = minute * 60_000;
      failures.push(await index.ensure().catch(error => error));
      expect(failures.at(-1)!.message).toMatch(
        /must be owner of table tasks.*Its owner can create it.*create index concurrently/,
      );
    }
    // Until ten minutes have passed, it is the error of the first attempt.
    const [first] = failures;
    expect(failures.map(error => error === first)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    await ensureInFlightIndex(owner);
    await index.ensure();
    await knex.destroy();
    await owner.raw('drop owned by no_owner; drop role no_owner');
  });

  it('does not take the connections of a small pool', async () => {
    const { client, connection } = owner.client.config;
    const knex = knexFactory({ client, connection, pool: { min: 0, max: 3 } });
    const index = new InFlightIndex({ knex, database: {} });
    await expect(index.ensure()).rejects.toThrow(/the pool has 3 connections/);
    await knex.destroy();
  });
});
