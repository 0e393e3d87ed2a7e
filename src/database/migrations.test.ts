import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import {
  insertTask,
  migrateScaffolder,
  migrateScaffolderOnly,
  readLastAttempt,
  readTask,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { applyMigrations, MIGRATIONS } from './migrations';
import { markShutdown } from './operations/markShutdown';
import { ATTEMPTS, SHUTDOWNS, STRATEGIES } from './tables';

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
    expect(await knex(ATTEMPTS).first()).toMatchObject({
      task_id: id,
      attempt: 1,
      decision: 'failed',
      strategy: null,
      decided_at: expect.anything(),
      spent: 0,
      finished_steps: 0,
    });
    await markShutdown(knex, [{ taskId: id, recoveredEvent: 0 }]);
    await expect(
      knex(ATTEMPTS).insert({ task_id: id, attempt: 1, decision: 'resume' }),
    ).rejects.toMatchObject({ message: expect.stringMatching(/unique/i) });

    await knex.migrate.rollback(MIGRATIONS, true);
    expect(await knex.schema.hasTable(STRATEGIES)).toBe(false);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(false);
    expect(await knex.schema.hasTable(SHUTDOWNS)).toBe(false);
    expect(await readTask(knex, id)).toEqual(before);

    await applyMigrations(mockServices.database.mock(), knex);
    expect(await knex(ATTEMPTS).select()).toEqual([]);
  });

  it('add what counts attempts to decisions that were made before', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolderOnly(knex);
    const id = await insertTask(knex);
    for (let i = 0; i < 3; i++) {
      await knex.migrate.up(MIGRATIONS);
    }
    await knex(STRATEGIES).insert({
      task_id: id,
      strategy: 'restart',
      source: 'template',
    });
    await knex(ATTEMPTS).insert({
      task_id: id,
      attempt: 1,
      decision: 'restart',
    });
    await knex.migrate.up(MIGRATIONS);
    expect(await readLastAttempt(knex, id)).toEqual({
      attempt: 1,
      spent: 0,
      finished_steps: 0,
    });
    await knex.migrate.down(MIGRATIONS);
    expect(await knex(ATTEMPTS).select()).toEqual([
      {
        task_id: id,
        attempt: 1,
        decision: 'restart',
        strategy: null,
        decided_at: expect.anything(),
      },
    ]);
    expect(await knex(STRATEGIES).pluck('strategy')).toEqual(['restart']);
  });

  it('add what came of decisions that were made before', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolderOnly(knex);
    const id = await insertTask(knex);
    const other = await insertTask(knex);
    for (let i = 0; i < 4; i++) {
      await knex.migrate.up(MIGRATIONS);
    }
    await knex(ATTEMPTS).insert([
      { task_id: id, attempt: 1, decision: 'restart' },
      { task_id: id, attempt: 2, decision: 'restart' },
      { task_id: id, attempt: 3, decision: 'failed' },
      { task_id: other, attempt: 1, decision: 'resume' },
    ]);
    await knex.migrate.up(MIGRATIONS);
    expect(
      await knex(ATTEMPTS)
        .where({ task_id: id })
        .orderBy('attempt')
        .pluck('outcome'),
    ).toEqual(['interrupted', 'interrupted', 'closed']);
    expect(
      await knex(ATTEMPTS).where({ task_id: other }).pluck('outcome'),
    ).toEqual(['waiting']);
    await knex.migrate.down(MIGRATIONS);
    expect(Object.keys(await knex(ATTEMPTS).first())).not.toContain('outcome');
    expect(
      await knex(ATTEMPTS)
        .where({ task_id: id })
        .orderBy('attempt')
        .pluck('decision'),
    ).toEqual(['restart', 'restart', 'failed']);
  });

  it('do not stop a version that does not know all that have run', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    await knex(MIGRATIONS.tableName!).insert({
      name: '20990101000000_of_a_later_version.js',
      batch: 2,
      migration_time: new Date(),
    });
    await applyMigrations(mockServices.database.mock(), knex);
    expect(await knex.schema.hasTable(ATTEMPTS)).toBe(true);
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
