import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import { waitFor } from '../../dev/harness/waitFor';
import {
  insertEvent,
  insertTask,
  newAttempt,
  readEvents,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { lockInterruptedTasks } from '../database/operations/interrupted/lockInterruptedTasks';
import { recordAttempts } from '../database/operations/attempts/recordAttempts';
import { watchOwnTimers } from '../__testUtils__/ownTimers';
import { SHUTDOWNS } from '../database/tables';
import { TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';
import { OwnedRuns } from './ownership/OwnedRuns';
import { Shutdown } from './Shutdown';
import { OwningProcess } from './__testUtils__/OwningProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('Shutdown on %s', databaseId => {
  const owner = OwningProcess.inEachTest(databases, databaseId);
  const { directory, logger } = owner;
  let knex: Knex;
  let runs: OwnedRuns;
  let lifetime: AbortController;
  let isRetrying: boolean;

  beforeEach(() => {
    isRetrying = false;
    ({ knex, runs, lifetime } = owner);
  });

  const createShutdown = (db = knex, exit?: () => void) =>
    new Shutdown({
      knex: db,
      runs,
      isRetrying: () => isRetrying,
      exit,
      end: () => lifetime.abort(),
      signal: lifetime.signal,
      logger,
    });
  const marked = () =>
    knex(SHUTDOWNS).select('task_id').orderBy('task_id').pluck('task_id');

  it('marks the tasks that this process runs, and no others', async () => {
    const ids = [await owner.running(), await owner.running()];
    await insertTask(knex, { silentSeconds: 0 });
    await createShutdown().begin();
    expect(await marked()).toEqual(ids.sort());
    expect(logger.info).toHaveBeenCalledWith(
      expect.stringContaining(
        'These tasks run in this process, which shuts down',
      ),
    );
  });

  it('renews the heartbeats of the tasks that it marks, so that none counts as interrupted before it ends', async () => {
    const id = await owner.running();
    await knex(TASKS)
      .where({ id })
      .update({ last_heartbeat_at: secondsAgo(knex, 8) });
    const interrupted = () =>
      knex.transaction(tx =>
        lockInterruptedTasks(tx, {
          taskIds: [id],
          timeoutSeconds: 30,
          taskTimeoutSeconds: 86_400,
        }),
      );
    await createShutdown().begin();
    expect(await interrupted()).toEqual([]);
    await knex(TASKS)
      .where({ id })
      .update({ last_heartbeat_at: secondsAgo(knex, 8) });
    expect(await interrupted()).toHaveLength(1);
  });

  it('logs that a run has lost ownership, which nobody else will log any more, and ends the process if so configured', async () => {
    const id = await owner.running();
    await insertEvent(knex, id, 'recovered', {});
    await knex.transaction(tx =>
      recordAttempts(tx, [newAttempt({ taskId: id })]),
    );
    const exit = jest.fn();
    await createShutdown(knex, exit).begin();
    expect(exit).toHaveBeenCalledTimes(1);
    expect(logger.error).toHaveBeenCalledWith(
      expect.stringContaining(`Task ${id}: reclaimed by attempt`),
    );
    expect((await readEvents(knex, id)).at(-1)!.body.message).toContain(
      'Warning: this task was reclaimed',
    );
  });

  it('marks no task whose run has not begun: its claim may not have been committed', async () => {
    await owner.claimed();
    await createShutdown().begin();
    expect(await marked()).toEqual([]);
  });

  it('marks the run that this process has, not one that has reclaimed the task', async () => {
    const id = await owner.running();
    await insertEvent(knex, id, 'recovered', {});
    await createShutdown().begin();
    const [{ recovered_event }] = await knex(SHUTDOWNS);
    expect(Number(recovered_event)).toBe(0);
  });

  it('does and logs nothing if no task runs', async () => {
    await createShutdown().begin();
    expect(await marked()).toEqual([]);
    expect(logger.info).not.toHaveBeenCalled();
  });

  it('does not wait for a database that does not answer, and logs what follows', async () => {
    await owner.running();
    const silent = new Proxy(knex, {
      apply: () => {
        throw new Error('no connection');
      },
    });
    await createShutdown(silent).begin();
    expect(logger.error).toHaveBeenCalledWith(
      'Could not mark the tasks of this process as interrupted by a shutdown. It tries again until it ends; without a mark they are recovered after scaffolder.recoverTasksTimeout',
      expect.objectContaining({ message: 'no connection' }),
    );
  });

  it('renews the heartbeats of its runs until its end, when the scheduler does it no more', async () => {
    const id = await owner.running();
    await createShutdown().begin();
    await knex(TASKS)
      .where({ id })
      .update({ last_heartbeat_at: secondsAgo(knex, 60) });
    const beating = () =>
      knex(TASKS)
        .where('last_heartbeat_at', '>', secondsAgo(knex, 30))
        .pluck('id');
    await waitFor('a heartbeat', async () => (await beating()).length > 0);
    expect(await beating()).toEqual([id]);
  });

  it('marks what it has claimed since, if the process lives on', async () => {
    await createShutdown().begin();
    const id = await owner.running();
    await waitFor('the mark', async () => (await marked()).length > 0);
    expect(await marked()).toEqual([id]);
  });

  it('tries again to mark what it could not, if the process lives on', async () => {
    const id = await owner.running();
    await knex.schema.renameTable(SHUTDOWNS, 'away');
    await createShutdown()
      .begin()
      .finally(() => knex.schema.renameTable('away', SHUTDOWNS));
    expect(logger.error).toHaveBeenCalledTimes(1);
    await waitFor('the mark', async () => (await marked()).includes(id));
  });

  it('ends when the workers have stopped and its last run has ended', async () => {
    const id = await owner.running();
    const shutdown = createShutdown();
    await shutdown.begin();
    shutdown.workersStop();
    const beat = async () => {
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 60) });
      await waitFor('a heartbeat', async () => {
        const beating = knex(TASKS).where(
          'last_heartbeat_at',
          '>',
          secondsAgo(knex, 30),
        );
        return (await beating).length > 0;
      });
    };
    // More rounds than it is to be quiet for.
    await beat();
    await beat();
    await beat();
    expect(lifetime.signal.aborted).toBe(false);
    fs.rmdirSync(directory.resolve(id));
    await waitFor('the end', async () => lifetime.signal.aborted);
  });

  it('does not end while the workers may claim', async () => {
    const timers = watchOwnTimers();
    const shutdown = createShutdown();
    let rounds = 0;
    const renew = runs.renewHeartbeats.bind(runs);
    runs.renewHeartbeats = () => {
      rounds += 1;
      return renew();
    };
    await shutdown.begin();
    await waitFor('some rounds', async () => rounds > 3);
    expect(lifetime.signal.aborted).toBe(false);
    expect(timers.active()).toEqual([
      expect.stringContaining('liveness/Shutdown.ts'),
    ]);
    shutdown.workersStop();
    await waitFor('the end', async () => lifetime.signal.aborted);
    await waitFor('none', async () => timers.active().length === 0);
    timers.stop();
  });

  it('does not end while a request to retry a task is being answered, whose statement it has to add to', async () => {
    isRetrying = true;
    const rounds = jest.spyOn(runs, 'renewHeartbeats');
    const shutdown = createShutdown();
    await shutdown.begin();
    shutdown.workersStop();
    await waitFor('four rounds', async () => rounds.mock.calls.length >= 4);
    expect(lifetime.signal.aborted).toBe(false);
    isRetrying = false;
    await waitFor('its end', async () => lifetime.signal.aborted);
  });

  it('ends at once with what it belongs to', async () => {
    const timers = watchOwnTimers();
    await owner.running();
    const shutdown = createShutdown();
    await shutdown.begin();
    await waitFor('its interval alone', async () => {
      const [only, ...others] = timers.active();
      return others.length === 0 && /setInterval/.test(only);
    });
    lifetime.abort();
    await waitFor('none', async () => timers.active().length === 0);
    await shutdown.begin();
    await waitFor('none', async () => timers.active().length === 0);
    timers.stop();
    expect(await marked()).toHaveLength(1);
  });
});
