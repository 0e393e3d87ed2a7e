import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { createBuiltIn } from '../../../dev/harness/inProcess/builtIn';
import {
  insertTask,
  migrateScaffolder,
  migrateScaffolderOnly,
  newAttempt,
  readTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { recordAttempts } from '../../database/operations/attempts/recordAttempts';
import { ATTEMPTS, CLAIMS, SNAPSHOTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsSilent } from '../../database/time';
import { Deferral } from './Deferral';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const config = {
  timeoutSeconds: 30,
  staleTimeoutSeconds: 600,
  taskTimeoutSeconds: 86_400,
};

describe.each(databases.eachSupportedId())('Deferral on %s', databaseId => {
  let knex: Knex;
  const logger = mockServices.logger.mock();
  beforeEach(async () => {
    jest.clearAllMocks();
    knex = await databases.init(databaseId);
  });

  const deferOnce = () => new Deferral({ knex, config, logger }).deferOnce();

  async function silence(id: string): Promise<number> {
    const row = await knex(TASKS)
      .where({ id })
      .first(knex.raw('? as seconds', secondsSilent(knex)));
    return Math.round(row.seconds);
  }

  it('keeps the running tasks from the scaffolder that it would take soon, and touches no other', async () => {
    await migrateScaffolderOnly(knex);
    const stale = await insertTask(knex, { silentSeconds: 30_000 });
    const soon = await insertTask(knex, { silentSeconds: 587 });
    const others = await Promise.all([
      insertTask(knex, { silentSeconds: 0 }),
      insertTask(knex, { silentSeconds: 500 }),
      insertTask(knex, { silentSeconds: 30_000, status: 'open' }),
      insertTask(knex, { silentSeconds: 30_000, status: 'failed' }),
    ]);
    const read = () => Promise.all(others.map(id => readTask(knex, id)));
    const before = await read();
    const { last_heartbeat_at: _, ...rest } = await readTask(knex, stale);
    await deferOnce();
    for (const id of [stale, soon]) {
      const seconds = await silence(id);
      expect(seconds).toBeGreaterThanOrEqual(31);
      expect(seconds).toBeLessThan(40);
      expect(logger.warn).toHaveBeenCalledWith(
        expect.stringMatching(`Task ${id} is deferred: it was silent for`),
      );
    }
    expect(await read()).toEqual(before);
    expect(await readTask(knex, stale)).toMatchObject(rest);
    await deferOnce();
    expect(logger.warn).toHaveBeenCalledTimes(2);
  });

  it('keeps a task that is too old to run again from the scaffolder without hiding its age', async () => {
    await migrateScaffolderOnly(knex);
    const id = await insertTask(knex, { silentSeconds: 30 * 86_400 });
    await deferOnce();
    expect((await readTask(knex, id)).last_heartbeat_at).toBeNull();
    // Since it was created.
    expect(await silence(id)).toBeGreaterThan(29 * 86_400);
    const builtIn = await createBuiltIn(knex, logger);
    expect(await builtIn.recoverTasks({ timeout: { seconds: 600 } })).toEqual({
      ids: [],
    });
    await deferOnce();
    expect(logger.warn).toHaveBeenCalledTimes(1);
  });

  it('defers more tasks than one statement takes', async () => {
    await migrateScaffolderOnly(knex);
    const id = await insertTask(knex);
    const { id: _, ...task } = await readTask(knex, id);
    const rows = Array.from({ length: 1_500 }, (_unused, i) => ({
      ...task,
      id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
    }));
    await knex.batchInsert(TASKS, rows, 100);
    await deferOnce();
    expect(logger.warn).toHaveBeenCalledTimes(1_501);
  });

  async function handOver(): Promise<string> {
    await migrateScaffolder(knex);
    const id = await insertTask(knex);
    await knex.transaction(tx =>
      recordAttempts(tx, [newAttempt({ taskId: id })]),
    );
    return id;
  }

  it('leaves alone what was handed over to the scaffolder, also if another column is missing that a newer version needs', async () => {
    const id = await handOver();
    await deferOnce();
    await knex.schema.alterTable(SNAPSHOTS, table => table.dropColumn('packs'));
    await knex.schema.dropTable(CLAIMS);
    await deferOnce();
    expect(await silence(id)).toBeGreaterThanOrEqual(599);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('defers nothing while it cannot be asked what was handed over', async () => {
    const id = await handOver();
    const failing = new Proxy(knex, {
      apply: (target: any, _, args) => {
        if (args[0] === ATTEMPTS) {
          throw new Error('Connection terminated unexpectedly');
        }
        return target(...args);
      },
    });
    await expect(
      new Deferral({ knex: failing, config, logger }).deferOnce(),
    ).rejects.toThrow('Connection terminated');
    expect(await silence(id)).toBeGreaterThanOrEqual(599);
  });
});
