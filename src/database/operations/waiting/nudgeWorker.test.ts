import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  STALE_TIMEOUT_SECONDS,
  listInterrupted,
  listHandedOver,
  listStale,
  beat,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  readAttempts,
  readTask,
  TestTask,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { forgetEndedTasks } from '../tasks/forgetEndedTasks';
import { NUDGE_LOCK } from '../../dialect/advisoryLocks';
import { nudgeWorker } from './nudgeWorker';
import { NUDGES } from '../../tables';
import { isSqlite, secondsAgo } from '../../time';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('nudgeWorker on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  const wake = (waitingSeconds = 15, delaySeconds = 0) =>
    nudgeWorker(knex, {
      waitingSeconds,
      delaySeconds: () => delaySeconds,
      intervalSeconds: 30,
      staleTimeoutSeconds: STALE_TIMEOUT_SECONDS,
      isReadable: ({ spec }) => spec.startsWith('{"'),
    });

  const open = (silentSeconds: number | null, task: TestTask = {}) =>
    insertTask(knex, { ...task, status: 'open', silentSeconds });

  it('hands over the oldest open task, and one at a time', async () => {
    await open(40);
    const oldest = await open(50);
    expect(await wake()).toBe(oldest);
    expect(await readTask(knex, oldest)).toMatchObject({
      status: 'processing',
      secrets: expect.stringContaining('very-secret'),
    });
    expect(await wake()).toBeUndefined();
  });

  it('takes a dispatched task, which has no heartbeat, by its age', async () => {
    const id = await open(null);
    expect(await wake()).toBe(id);
  });

  it('leaves alone what has not waited, and what runs', async () => {
    await open(5);
    await insertTask(knex);
    expect(await wake()).toBeUndefined();
  });

  it('passes over a task that would make the recovery of the scaffolder fail', async () => {
    await open(50, { spec: '[broken' });
    const id = await open(40);
    expect(await wake()).toBe(id);
  });

  it('can be opened by the recovery of the scaffolder only after the delay', async () => {
    const id = await open(50);
    expect(await wake(15, 50)).toBe(id);
    // On SQLite there is no delay: there is no other process.
    expect(await listStale(knex)).toEqual(isSqlite(knex) ? [id] : []);
    expect(await listStale(knex, STALE_TIMEOUT_SECONDS - 60)).toEqual([id]);
    expect(await listInterrupted(knex)).toEqual([]);
  });

  it('is no decision: the task counts as handed over until it is claimed', async () => {
    const id = await open(50);
    await wake();
    expect(await listInterrupted(knex)).toEqual([]);
    expect(await listHandedOver(knex)).toEqual([id]);
    expect(await readAttempts(knex, id)).toEqual([]);
    await beat(knex, id);
    expect(await listHandedOver(knex)).toEqual([]);
  });

  it('nudges one worker however many replicas ask at once', async () => {
    for (let i = 0; i < 5; i++) {
      await open(50);
    }
    const woken = await Promise.all(Array.from({ length: 5 }, () => wake()));
    expect(woken.filter(Boolean)).toHaveLength(1);
  });

  it('is forgotten once its task was claimed or has ended, unless it still keeps others from being made', async () => {
    const wakeUp = async (status: string, silent: number, ago: number) => {
      const id = await insertTask(knex, { status, silentSeconds: silent });
      const woken_at = secondsAgo(knex, ago) as any;
      await knex(NUDGES).insert({ task_id: id, woken_at });
      return id;
    };
    const waiting = await wakeUp('processing', 3600, 600);
    const recent = await wakeUp('completed', 5, 10);
    await wakeUp('processing', 1, 600);
    await wakeUp('open', 1, 600);
    await wakeUp('completed', 3600, 600);

    await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
    expect((await knex(NUDGES).pluck('task_id')).sort()).toEqual(
      [waiting, recent].sort(),
    );
    expect(await listHandedOver(knex)).toEqual([waiting]);
    await open(50);
    expect(await wake()).toBeUndefined();
  });

  // SQLite has no advisory locks and no other process.
  if (databaseId.startsWith('POSTGRES')) {
    it('does not wait for another process that is at it', async () => {
      const id = await open(50);
      const other = await knex.transaction();
      await other.raw('select pg_advisory_xact_lock(?)', NUDGE_LOCK);
      expect(await wake()).toBeUndefined();
      await other.commit();
      expect(await wake()).toBe(id);
    });
  }
});
