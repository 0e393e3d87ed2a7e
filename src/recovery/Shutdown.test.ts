import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../dev/harness/waitFor';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { SHUTDOWNS, TASKS } from '../database/tables';
import { isSqlite } from '../database/time';
import { LiveRuns } from './LiveRuns';
import { Shutdown } from './Shutdown';
import { Workspaces } from './Workspaces';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('Shutdown on %s', databaseId => {
  let knex: Knex;
  let runs: LiveRuns;
  const directory = createMockDirectory();
  const logger = mockServices.logger.mock();
  const exit = jest.fn();

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    jest.clearAllMocks();
    directory.clear();
    runs = new LiveRuns({
      knex,
      workspaces: new Workspaces(directory.path, logger),
    });
    await knex(TASKS).delete();
  });

  const createShutdown = (isGraceful = false, db = knex) =>
    new Shutdown({ knex: db, runs, isGraceful, exit, logger });
  /** A task that this process runs. */
  async function running(): Promise<string> {
    const id = await insertTask(knex, { silentSeconds: 0 });
    await runs.claimed(id);
    fs.mkdirSync(directory.resolve(id));
    return id;
  }
  const marked = () =>
    knex(SHUTDOWNS).select('task_id').orderBy('task_id').pluck('task_id');

  it('marks the tasks that this process runs, and no others', async () => {
    const ids = [await running(), await running()];
    await insertTask(knex, { silentSeconds: 0 });
    await createShutdown().begin();
    expect(await marked()).toEqual(ids.sort());
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining('Shutting down; these tasks run here'),
    );
  });

  it('marks the run that this process has, not one that has taken over', async () => {
    const id = await running();
    await insertEvent(knex, id, 'recovered', {});
    await createShutdown().begin();
    const [{ recovered_event }] = await knex(SHUTDOWNS);
    expect(Number(recovered_event)).toBe(0);
  });

  it('does and says nothing if no task runs', async () => {
    await createShutdown().begin();
    expect(await marked()).toEqual([]);
    expect(logger.info).not.toHaveBeenCalled();
  });

  it('marks what is claimed once it has begun, and nothing before', async () => {
    const shutdown = createShutdown();
    const before = await running();
    await shutdown.claimed(before);
    expect(await marked()).toEqual([]);
    await runs.ended(before);
    await shutdown.begin();
    const after = await running();
    await shutdown.claimed(after);
    expect(await marked()).toEqual([after]);
  });

  it('does not wait for a database that does not answer, and says what follows', async () => {
    const id = await running();
    const silent = new Proxy(knex, {
      apply: () => {
        throw new Error('no connection');
      },
    });
    await createShutdown(false, silent).begin();
    expect(logger.error).toHaveBeenCalledWith(
      `Could not record that tasks are interrupted by a shutdown; they are recovered after scaffolder.recoverTasksTimeout: ${id}`,
      expect.objectContaining({ message: 'no connection' }),
    );
  });

  if (databaseId === 'SQLITE_3') {
    it('leaves it to the scaffolder to wait for its runs: the database stays open', async () => {
      expect(isSqlite(knex)).toBe(true);
      await running();
      await createShutdown(true).begin();
      createShutdown().databaseClosing();
      await sleep(1_500);
      expect(exit).not.toHaveBeenCalled();
    });
    return;
  }

  it('waits with a graceful shutdown until all runs have ended and that is stored', async () => {
    const [id, another] = [await running(), await running()];
    let isOver = false;
    const begun = createShutdown(true)
      .begin()
      .then(() => {
        isOver = true;
      });
    await sleep(600);
    expect(isOver).toBe(false);
    await runs.ended(another);
    await knex(TASKS).where('id', another).update({ status: 'failed' });
    // The folder goes before the end is stored.
    fs.rmdirSync(directory.resolve(id));
    await sleep(600);
    expect(isOver).toBe(false);
    await knex(TASKS).where({ id }).update({ status: 'completed' });
    await begun;
  });

  it('ends a process that still has runs when its database is gone', async () => {
    const id = await running();
    createShutdown().databaseClosing();
    await waitFor('the exit', async () => exit.mock.calls.length > 0);
    expect(logger.warn).toHaveBeenCalledWith(expect.stringContaining(id));
  });

  it('lets a process end by itself that has no runs', async () => {
    createShutdown().databaseClosing();
    await sleep(1_500);
    expect(exit).not.toHaveBeenCalled();
  });
});
