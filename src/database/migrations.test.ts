import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import {
  insertTask,
  migrateScaffolder,
  migrateScaffolderOnly,
  readTask,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { applyMigrations, MIGRATIONS } from './migrations';
import { ATTEMPTS, STRATEGIES } from './tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('migrations on %s', databaseId => {
  it('go up and down with rows in place, and leave the tasks as they were', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolderOnly(knex);
    const id = await insertTask(knex);
    const before = await readTask(knex, id);

    await applyMigrations(mockServices.database.mock(), knex);
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
    expect(await knex(ATTEMPTS).first()).toEqual({
      task_id: id,
      attempt: 1,
      decision: 'failed',
      strategy: null,
      decided_at: expect.anything(),
    });
    await expect(
      knex(ATTEMPTS).insert({ task_id: id, attempt: 1, decision: 'resume' }),
    ).rejects.toMatchObject({ message: expect.stringMatching(/unique/i) });

    await knex.migrate.rollback(MIGRATIONS, true);
    expect(await knex.schema.hasTable(STRATEGIES)).toBe(false);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(false);
    expect(await readTask(knex, id)).toEqual(before);

    await applyMigrations(mockServices.database.mock(), knex);
    expect(await knex(ATTEMPTS).select()).toEqual([]);
  });

  it('can run again, and keep their hands off the record of the scaffolder', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    await migrateScaffolder(knex);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(true);
  });

  it('are left to the operator who skips migrations', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolderOnly(knex);
    const database = mockServices.database.mock({ migrations: { skip: true } });
    await applyMigrations(database, knex);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(false);
  });
});
