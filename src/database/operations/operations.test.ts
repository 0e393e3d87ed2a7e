import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  readAttempts,
  readLastAttempt,
  readEvents,
  insertHistory,
  readTask,
  TestTask,
  TEST_DATABASE_IDS,
  withRowsReversed,
} from '../../__testUtils__/scaffolderDatabase';
import { ATTEMPTS, SHUTDOWNS, STRATEGIES, NUDGES } from '../tables';
import { TASK_EVENTS, TASKS } from '../../scaffolder/tables';
import { isSqlite, secondsAgo } from '../time';
import {
  appendPublishedTaskEvents,
  appendTaskEvents,
} from './taskEvents/appendTaskEvents';
import { resetAttemptsUsed } from './attempts/resetAttemptsUsed';
import { clearUnneededSecrets } from './tasks/clearUnneededSecrets';
import { countInFlight } from './tasks/countInFlight';
import { forgetEndedTasks } from './strategies/forgetEndedTasks';
import { nudgeWorker, NUDGE_LOCK } from './waiting/nudgeWorker';
import { hasOngoingAttempt } from './attempts/final/hasOngoingAttempt';
import { deferInterruptedTasks } from './interrupted/deferInterruptedTasks';
import { listHandedOverTasks } from './waiting/listHandedOverTasks';
import { listInterruptedTasks } from './interrupted/listInterruptedTasks';
import { listFinalAttempts } from './attempts/final/listFinalAttempts';
import { listTasksWithoutStrategy } from './strategies/listTasksWithoutStrategy';
import { lockInterruptedTasks } from './interrupted/lockInterruptedTasks';
import { lockTask } from './tasks/lockTask';
import { markShutdown } from './runs/markShutdown';
import { openHandedOverTasks } from './waiting/openHandedOverTasks';
import { batchesOf, ListedTask, Page } from './tasks/pages';
import { readFencingToken } from './runs/readFencingToken';
import { readSecrets } from './tasks/readSecrets';
import { readRunningTask } from './tasks/readRunningTask';
import { readStepEvents } from './taskEvents/readStepEvents';
import { readTaskSpecs } from './tasks/readTaskSpecs';
import { recordAttempts } from './attempts/recordAttempts';
import { withdrawAttempt } from './attempts/withdrawAttempt';
import {
  rememberStrategies,
  rememberStrategy,
} from './strategies/rememberStrategy';
import { selectTasks } from './tasks/selectTasks';
import {
  InterruptedTaskUpdate,
  updateInterruptedTasks,
} from './interrupted/updateInterruptedTasks';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const timeoutSeconds = 30;
const timeouts = { timeoutSeconds, taskTimeoutSeconds: 24 * 3600 };
const page = { limit: 100 };

describe.each(databases.eachSupportedId())('operations on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  const handOver = (taskId: string) =>
    knex.transaction(async tx => {
      await updateInterruptedTasks(
        tx,
        { taskIds: [taskId], ...timeouts },
        { kind: 'handOver', staleTimeoutSeconds: 3600 },
      );
      const last = await readLastAttempt(tx, taskId);
      await recordAttempts(tx, [
        newAttempt({
          taskId,
          attempt: (last?.attempt ?? 0) + 1,
          decision: 'resume',
          strategy: 'idempotent',
        }),
      ]);
    });

  const idsOf = async (tasks: Promise<{ id: string }[]>) =>
    (await tasks).map(task => task.id);

  const listInterrupted = (seconds = timeoutSeconds, p: Page = page) =>
    idsOf(
      listInterruptedTasks(knex, { ...timeouts, timeoutSeconds: seconds }, p),
    );

  const listHandedOver = () => idsOf(listHandedOverTasks(knex, timeouts, page));

  const beat = (taskId: string) =>
    knex(TASKS)
      .where({ id: taskId })
      .update({ last_heartbeat_at: knex.fn.now() });

  /** How the database goes about the statements that read tasks. */
  const plansOf = async (action: () => Promise<unknown>) => {
    const statements: { sql: string; bindings: any }[] = [];
    const onQuery = (query: any) => statements.push(query);
    knex.on('query', onQuery);
    await action();
    knex.off('query', onQuery);
    const how = isSqlite(knex) ? 'explain query plan' : 'explain';
    const plans: string[] = [];
    for (const { sql, bindings } of statements) {
      if (/(from|update) [`"]tasks/.test(sql)) {
        const plan = await knex.raw(
          `${how} ${sql.replace(/\$\d+/g, '?')}`,
          bindings,
        );
        plans.push(JSON.stringify(plan.rows ?? plan));
      }
    }
    return plans;
  };

  const silentAgain = (taskId: string) =>
    knex.transaction(async tx => {
      // As if both the decision and the heartbeat after it lay back.
      await tx(ATTEMPTS)
        .where({ task_id: taskId })
        .update({ decided_at: secondsAgo(tx, 120) });
      await tx(TASKS)
        .where({ id: taskId })
        .update({ last_heartbeat_at: secondsAgo(tx, 60) });
    });

  describe('listInterruptedTasks', () => {
    it('lists running tasks that were silent for the timeout, and no others', async () => {
      const silent = await insertTask(knex, { silentSeconds: 32 });
      await insertTask(knex, { silentSeconds: 28 });
      await insertTask(knex, { silentSeconds: 0 });
      for (const status of ['open', 'completed', 'failed', 'cancelled']) {
        await insertTask(knex, { status });
      }
      expect(await listInterrupted()).toEqual([silent]);
    });

    it('counts a running task without a heartbeat from its creation', async () => {
      const id = await insertTask(knex, { silentSeconds: null });
      expect(await listInterrupted()).toEqual([id]);
      expect(await listInterrupted(3600)).toEqual([]);
    });

    it('leaves out a task that was handed over until it was claimed and fell silent again', async () => {
      const id = await insertTask(knex);
      await handOver(id);
      expect(await listInterrupted()).toEqual([]);
      await beat(id);
      expect(await listInterrupted()).toEqual([]);
      await silentAgain(id);
      expect(await listInterrupted()).toEqual([id]);
    });

    it('lists a task again that was handed over and then cancelled', async () => {
      const id = await insertTask(knex);
      await handOver(id);
      await insertEvent(knex, id, 'cancelled', {});
      expect(await listInterrupted()).toEqual([id]);
    });

    it('lists page by page, the oldest first, however close together they were created', async () => {
      const ids: string[] = [];
      for (const silentSeconds of [800, 600, 700, 700]) {
        ids.push(await insertTask(knex, { silentSeconds }));
      }
      const [oldest, youngest, ...same] = ids;
      // To the microsecond, where the database tells them apart.
      await knex(TASKS)
        .whereIn('id', same)
        .update({ created_at: secondsAgo(knex, 650) });
      const expected = [oldest, ...same.sort(), youngest];

      const listed: string[] = [];
      for (let after: ListedTask | undefined; ;) {
        const next: Page = { after, limit: 1 };
        const [task] = await listInterruptedTasks(knex, timeouts, next);
        if (!task) {
          break;
        }
        listed.push(task.id);
        after = task;
      }
      expect(listed).toEqual(expected);
    });
  });

  describe('batchesOf', () => {
    const batches = async () => {
      const all: string[][] = [];
      for await (const batch of batchesOf(p =>
        listInterruptedTasks(knex, timeouts, p),
      )) {
        all.push(batch);
      }
      return all;
    };

    it('goes through all tasks, over more than one page, few at a time', async () => {
      const ids = [];
      for (let i = 0; i < 820; i++) {
        ids.push(await insertTask(knex));
      }
      const all = await batches();
      expect(all.flat().sort()).toEqual(ids.sort());
      expect(all.map(b => b.length)).toEqual([400, 400, 20]);
    });

    it('never reads more than a few megabytes at once, and large tasks alone', async () => {
      const large = (megabytes: number) =>
        insertTask(knex, { state: 'x'.repeat(megabytes * 1_000_000) });
      for (const megabytes of [1.5, 3, 0.1, 3, 0.1, 1.5]) {
        await large(megabytes);
      }
      const sizes = new Map(
        (await listInterruptedTasks(knex, timeouts, page)).map(t => [
          t.id,
          t.bytes,
        ]),
      );
      const all = await batches();
      expect(all.flat().sort()).toEqual([...sizes.keys()].sort());
      for (const batch of all.filter(b => b.length > 1)) {
        const bytes = batch.reduce((sum, id) => sum + sizes.get(id)!, 0);
        expect(bytes).toBeLessThanOrEqual(2_000_000);
      }
    });

    it('gives nothing if there is nothing', async () => {
      expect(await batches()).toEqual([]);
    });
  });

  it('countInFlight tells what there may be to do', async () => {
    const count = () =>
      countInFlight(knex, { timeoutSeconds, waitingSeconds: 15 });
    expect(await count()).toEqual({ silent: 0, waiting: 0, withSecrets: 0 });
    for (const status of ['completed', 'failed', 'cancelled']) {
      await insertTask(knex, { status });
    }
    await insertTask(knex, { silentSeconds: 20, secrets: null });
    await insertTask(knex, { status: 'open', silentSeconds: 5 });
    expect(await count()).toEqual({ silent: 0, waiting: 0, withSecrets: 0 });
    await insertTask(knex, { silentSeconds: 40, secrets: null });
    expect(await count()).toEqual({ silent: 1, waiting: 0, withSecrets: 0 });
    await insertTask(knex, { silentSeconds: 0 });
    await insertTask(knex, { status: 'open', silentSeconds: 20 });
    await insertTask(knex, { status: 'open', silentSeconds: null });
    expect(await count()).toEqual({ silent: 1, waiting: 2, withSecrets: 1 });
  });

  describe('lockInterruptedTasks', () => {
    const lock = (...taskIds: string[]) =>
      knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds, ...timeouts }),
      );

    it('reads what a decision needs, and no secrets', async () => {
      const id = await insertTask(knex, { silentSeconds: 90 });
      await rememberStrategy(knex, {
        task_id: id,
        strategy: 'none',
        source: 'invalid',
        remark: 'misspelt',
        max_attempts: 5,
      });
      const [row] = await lock(id);
      expect(row).toEqual({
        id,
        spec: expect.stringContaining('"steps"'),
        state: expect.stringContaining('"checkpoints"'),
        created_by: 'user:default/guest',
        created_at: expect.anything(),
        last_heartbeat_at: expect.anything(),
        secrets: 'readable',
        signInExpiredAt: undefined,
        secondsSilent: expect.any(Number),
        planned: false,
        remembered: {
          strategy: 'none',
          source: 'invalid',
          remark: 'misspelt',
          maxAttempts: 5,
        },
      });
      expect(Math.abs(row.secondsSilent - 90)).toBeLessThan(10);
      expect(JSON.stringify(row)).not.toContain('very-secret');
    });

    it('tells whether the secrets are JSON, and whether they are there', async () => {
      const broken = await insertTask(knex, { secrets: '{"a":' });
      const none = await insertTask(knex, { secrets: null });
      expect(await lock(broken)).toEqual([
        expect.objectContaining({ secrets: 'unreadable' }),
      ]);
      expect(await lock(none)).toEqual([
        expect.objectContaining({
          secrets: 'gone',
          remembered: undefined,
        }),
      ]);
    });

    it('finds nothing if the task beat again, ended, or was handed over since it was listed', async () => {
      const beating = await insertTask(knex);
      const ended = await insertTask(knex);
      const handedOver = await insertTask(knex);
      await beat(beating);
      await knex(TASKS).where({ id: ended }).update({ status: 'completed' });
      await handOver(handedOver);
      const interrupted = await insertTask(knex);
      expect(
        await idsOf(
          lock(beating, ended, interrupted, handedOver, randomUUID()),
        ),
      ).toEqual([interrupted]);
    });

    if (databaseId !== 'SQLITE_3') {
      it('passes over a task that somebody else is deciding on', async () => {
        const id = await insertTask(knex);
        await knex.transaction(async tx => {
          const options = { taskIds: [id], ...timeouts };
          expect(await lockInterruptedTasks(tx, options)).toHaveLength(1);
          expect(await lock(id)).toEqual([]);
        });
      });
    }
  });

  describe('updateInterruptedTasks', () => {
    const update = (
      taskIds: string[],
      change: InterruptedTaskUpdate,
      states?: Map<string, string | null>,
    ) =>
      knex.transaction(tx =>
        updateInterruptedTasks(tx, { taskIds, ...timeouts, states }, change),
      );

    it('closes a task and clears its secrets', async () => {
      const id = await insertTask(knex);
      expect(await update([id], { kind: 'close', status: 'failed' })).toEqual([
        id,
      ]);
      expect(await readTask(knex, id)).toMatchObject({
        status: 'failed',
        secrets: null,
        state: expect.any(String),
      });
    });

    it('opens tasks, each with its own state and its secrets', async () => {
      const ids = [];
      for (let i = 0; i < 3; i++) {
        ids.push(await insertTask(knex, { state: `{"old":${i}}` }));
      }
      const states = new Map([
        [ids[0], '{"new":0}'],
        [ids[2], null],
      ]);
      const opened = await update(ids, { kind: 'open' }, states);
      expect(opened.sort()).toEqual([...ids].sort());
      for (const [i, state] of ['{"new":0}', '{"old":1}', null].entries()) {
        expect(await readTask(knex, ids[i])).toMatchObject({
          status: 'open',
          state,
          secrets: expect.stringContaining('very-secret'),
        });
      }
    });

    it('hands a task over by making it silent for longer than the scaffolder waits', async () => {
      const id = await insertTask(knex);
      expect(
        await update([id], { kind: 'handOver', staleTimeoutSeconds: 3600 }),
      ).toEqual([id]);
      expect(await readTask(knex, id)).toMatchObject({ status: 'processing' });
      // The condition is that of `recoverTasks` in the scaffolder's DatabaseTaskStore.
      const stale = await knex(TASKS)
        .where('last_heartbeat_at', '<=', secondsAgo(knex, 3600))
        .pluck('id');
      expect(stale).toEqual([id]);
    });

    it('lets the scaffolder have some of the tasks later than the others', async () => {
      const [atOnce, soon, later] = [
        await insertTask(knex),
        await insertTask(knex),
        await insertTask(knex),
      ];
      await update([atOnce, soon, later], {
        kind: 'handOver',
        staleTimeoutSeconds: 3600,
        delays: new Map([
          [soon, 2.5],
          [later, 8],
        ]),
      });
      const stale = (seconds: number) =>
        knex(TASKS)
          .where('last_heartbeat_at', '<=', secondsAgo(knex, seconds))
          .pluck('id');
      const ids = (...expected: string[]) =>
        // On SQLite there is no delay: there is no other process.
        (isSqlite(knex) ? [atOnce, soon, later] : expected).sort();
      expect((await stale(3600)).sort()).toEqual(ids(atOnce));
      expect((await stale(3597)).sort()).toEqual(ids(atOnce, soon));
      expect((await stale(3592)).sort()).toEqual(ids(atOnce, soon, later));
    });

    it('changes nothing if the task is no longer interrupted, or decided on', async () => {
      const beating = await insertTask(knex, { silentSeconds: 0 });
      const ended = await insertTask(knex, { status: 'completed' });
      const handedOver = await insertTask(knex);
      await handOver(handedOver);
      const ids = [beating, ended, handedOver];
      const before = await Promise.all(ids.map(id => readTask(knex, id)));
      for (const change of [
        { kind: 'close', status: 'failed' },
        { kind: 'open' },
        { kind: 'handOver', staleTimeoutSeconds: 3600 },
      ] as const) {
        expect(await update(ids, change)).toEqual([]);
      }
      expect(await Promise.all(ids.map(id => readTask(knex, id)))).toEqual(
        before,
      );
    });
  });

  it('deferInterruptedTasks makes tasks count as interrupted and not as stale', async () => {
    const hold = (...taskIds: string[]) =>
      knex.transaction(tx =>
        deferInterruptedTasks(tx, {
          taskIds,
          ...timeouts,
          silentSeconds: 3000,
        }),
      );
    const id = await insertTask(knex, { silentSeconds: 4000 });
    expect(await hold(id)).toEqual([id]);
    expect(await listInterrupted()).toEqual([id]);
    expect(
      await knex(TASKS)
        .where('last_heartbeat_at', '<=', secondsAgo(knex, 60))
        .pluck('id'),
    ).toEqual([]);

    const notSoon = await insertTask(knex, { silentSeconds: 2000 });
    const handedOver = await insertTask(knex);
    await handOver(handedOver);
    expect(await hold(id, notSoon, handedOver)).toEqual([]);
  });

  it('a task that was handed over and is too old to run again is to be decided on once more', async () => {
    const id = await insertTask(knex);
    await handOver(id);
    expect(await listHandedOver()).toEqual([id]);
    expect(await listInterrupted()).toEqual([]);
    // As in a database that was restored from a dump.
    await knex(TASKS).update({
      last_heartbeat_at: secondsAgo(knex, 2 * 86_400),
    });
    await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 80_000) });
    expect(await listHandedOver()).toEqual([id]);
    expect(await listInterrupted()).toEqual([]);
    await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 86_500) });
    expect(await listHandedOver()).toEqual([]);
    expect(await listInterrupted()).toEqual([id]);
  });

  describe('openHandedOverTasks', () => {
    const open = (...taskIds: string[]) =>
      knex.transaction(tx => openHandedOverTasks(tx, { taskIds, ...timeouts }));

    it('opens a task that waits to be claimed, and tells what was decided', async () => {
      const id = await insertTask(knex);
      await handOver(id);
      expect(await listHandedOver()).toEqual([id]);
      expect(await open(id)).toEqual([{ id, strategy: 'idempotent' }]);
      expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
      expect(await listHandedOver()).toEqual([]);
    });

    it('leaves a task alone that beats, though the clock of the database was set back', async () => {
      const id = await insertTask(knex);
      await handOver(id);
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 5) });
      expect(await open(id)).toEqual([]);
      expect(await listHandedOver()).toEqual([]);
    });

    it('leaves alone what was not handed over, was claimed since, or was cancelled', async () => {
      const interrupted = await insertTask(knex);
      const claimed = await insertTask(knex);
      const cancelled = await insertTask(knex);
      await handOver(claimed);
      await beat(claimed);
      await handOver(cancelled);
      await insertEvent(knex, cancelled, 'cancelled', {});
      expect(await listHandedOver()).toEqual([]);
      expect(await open(interrupted, claimed, cancelled)).toEqual([]);
      for (const id of [interrupted, claimed, cancelled]) {
        expect(await readTask(knex, id)).toMatchObject({
          status: 'processing',
        });
      }
    });
  });

  describe('recordAttempts', () => {
    it('keeps every decision on a task, of which the last one counts', async () => {
      const one = await insertTask(knex);
      const two = await insertTask(knex);
      await knex.transaction(async tx => {
        const strategy = 'idempotent';
        await recordAttempts(tx, [
          newAttempt({ taskId: one, decision: 'resume', strategy }),
        ]);
        await recordAttempts(tx, [
          newAttempt({ taskId: two, decision: 'finish', finishedSteps: 3 }),
          newAttempt({
            taskId: one,
            attempt: 2,
            decision: 'failed',
            strategy,
            spent: 2,
            finishedSteps: 1,
          }),
        ]);
        await recordAttempts(tx, []);
      });
      const lastOn = async (taskId: string) =>
        (await readRunningTask(knex, taskId))!.last;
      expect(await lastOn(one)).toEqual({
        attempt: 2,
        spent: 2,
        finishedSteps: 1,
      });
      expect(await lastOn(two)).toEqual({
        attempt: 1,
        spent: 1,
        finishedSteps: 3,
      });
      expect(await lastOn(await insertTask(knex))).toBeUndefined();
      expect(await readAttempts(knex, one)).toEqual([
        { attempt: 1, decision: 'resume', strategy: 'idempotent' },
        { attempt: 2, decision: 'failed', strategy: 'idempotent' },
      ]);
      expect(await readAttempts(knex, two)).toEqual([
        { attempt: 1, decision: 'finish', strategy: null },
      ]);
    });

    it('goes when its task goes', async () => {
      const id = await insertTask(knex);
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id })]),
      );
      await knex(TASKS).where({ id }).delete();
      expect(await readAttempts(knex, id)).toEqual([]);
    });

    const spentOn = async (taskId: string) =>
      (await readLastAttempt(knex, taskId))?.spent;

    it('records ids of steps that PostgreSQL cannot store, without what it refuses', async () => {
      const taskId = await insertTask(knex);
      const stepId = 'a\0b\ud800c😀';
      await knex.transaction(async tx => {
        await recordAttempts(tx, [
          newAttempt({
            taskId,
            interruptedAt: stepId,
            reason: `at '${stepId}'`,
            templateRef: `template:default/${stepId}`,
            skippedSteps: [stepId],
            stepsAgain: [{ stepId, because: 'noOutput' }],
          }),
        ]);
        await appendTaskEvents(tx, [
          { taskId, type: 'log', body: { message: stepId, stepId } },
        ]);
      });
      const row = await knex(ATTEMPTS).where({ task_id: taskId }).first();
      expect(row).toMatchObject({
        interrupted_at: 'ab\ufffdc😀',
        reason: `at 'ab\ufffdc😀'`,
        template_ref: 'template:default/ab\ufffdc😀',
      });
      expect(JSON.parse(row.skipped_steps)).toEqual([stepId]);
      expect(JSON.parse(row.steps_again)[0].stepId).toBe(stepId);
      expect((await readEvents(knex, taskId))[0].body.stepId).toBe(stepId);
    });

    it('takes back once what was spent by a decision that came to nothing', async () => {
      const [unplanned, planned] = [
        await insertTask(knex),
        await insertTask(knex),
      ];
      await knex.transaction(tx =>
        recordAttempts(tx, [
          newAttempt({ taskId: unplanned, spent: 2 }),
          newAttempt({ taskId: planned, spent: 2, planned: true }),
        ]),
      );
      for (const taskId of [unplanned, planned]) {
        await withdrawAttempt(knex, { taskId, attempt: 1 });
        await withdrawAttempt(knex, { taskId, attempt: 1 });
      }
      expect([await spentOn(unplanned), await spentOn(planned)]).toEqual([
        1, 2,
      ]);
    });

    it('counts nothing any more once a run has ended by itself', async () => {
      const [ended, other] = [await insertTask(knex), await insertTask(knex)];
      await knex.transaction(tx =>
        recordAttempts(tx, [
          newAttempt({ taskId: ended, spent: 2 }),
          newAttempt({ taskId: other, spent: 2 }),
        ]),
      );
      await resetAttemptsUsed(knex, ended);
      expect([await spentOn(ended), await spentOn(other)]).toEqual([0, 2]);
    });

    it('tells whether an attempt is ongoing of a task that was recovered so often in a row', async () => {
      const isAny = (minSpent: number) =>
        knex.transaction(tx =>
          hasOngoingAttempt(tx, { minSpent, seconds: 30, silentSeconds: 5 }),
        );
      const id = await insertTask(knex);
      expect(await isAny(1)).toBe(false);
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id, spent: 2 })]),
      );
      expect([await isAny(2), await isAny(3)]).toEqual([true, false]);
      await knex(TASKS).where({ id }).update({ status: 'completed' });
      expect(await isAny(2)).toBe(false);
    });

    it('lists the tasks in flight that got their last chance a short while ago', async () => {
      const given = (seconds = 30) =>
        knex.transaction(tx =>
          listFinalAttempts(tx, { seconds, silentSeconds: 5 }),
        );
      const [id, other] = [await insertTask(knex), await insertTask(knex)];
      await knex.transaction(tx =>
        recordAttempts(tx, [
          newAttempt({ taskId: other }),
          newAttempt({ taskId: id, finalAttempt: true, finishedSteps: 2 }),
        ]),
      );
      const expected = [{ taskId: id, finishedSteps: 2 }];
      expect(await given()).toEqual(expected);
      await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 40) });
      expect(await given()).toEqual([]);
      expect(await given(60)).toEqual(expected);
      // Claimed since, and alive.
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 2) });
      expect(await given(60)).toEqual(expected);
      // Opened since, and not claimed for a while.
      await knex(TASKS)
        .where({ id })
        .update({ status: 'open', last_heartbeat_at: secondsAgo(knex, 8) });
      expect(await given(60)).toEqual(expected);
      await knex(TASKS).where({ id }).update({ status: 'processing' });
      // Claimed since, and silent.
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 8) });
      expect(await given(60)).toEqual([]);
      // Silent from the very second of the decision, in which it was claimed.
      await knex(TASKS)
        .where({ id })
        .update({
          last_heartbeat_at: knex(ATTEMPTS)
            .where({ task_id: id })
            .select('decided_at'),
        });
      expect(await given(60)).toEqual([]);
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 2) });
      await knex(TASKS).where({ id }).update({ status: 'failed' });
      expect(await given(60)).toEqual([]);
      // Retried by hand after it was closed.
      await knex(TASKS).where({ id }).update({ status: 'processing' });
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id, attempt: 2 })]),
      );
      expect(await given(60)).toEqual([]);
    });
  });

  describe('a shutdown', () => {
    const mark = (taskId: string, recoveredEvent = 0) =>
      markShutdown(knex, [{ taskId, recoveredEvent }]);
    const isPlanned = (taskId: string) =>
      knex.transaction(
        async tx =>
          (
            await lockInterruptedTasks(tx, {
              taskIds: [taskId],
              ...timeouts,
            })
          ).length > 0,
      );
    const recoveredEvent = async (taskId: string) => {
      await insertEvent(knex, taskId, 'recovered', {});
      return (await readFencingToken(knex, taskId)).recoveredEvent;
    };

    it('makes tasks count as interrupted after five seconds of silence', async () => {
      const silent = await insertTask(knex, { silentSeconds: 8 });
      const beating = await insertTask(knex, { silentSeconds: 3 });
      await mark(beating);
      expect(await listInterrupted()).toEqual([]);
      await mark(silent);
      expect(await listInterrupted()).toEqual([silent]);
      const counts = await countInFlight(knex, {
        timeoutSeconds,
        waitingSeconds: 15,
      });
      expect(counts.silent).toBe(1);
      const [row] = await knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds: [silent], ...timeouts }),
      );
      expect(row).toMatchObject({ id: silent, planned: true });
    });

    it('means nothing for a task that was queued again since', async () => {
      const id = await insertTask(knex, { silentSeconds: 8 });
      const before = await recoveredEvent(id);
      await mark(id, before);
      expect(await isPlanned(id)).toBe(true);
      const since = await recoveredEvent(id);
      expect(await isPlanned(id)).toBe(false);
      // A process that was stalled meanwhile marks a run that is not the last one.
      await mark(id, before);
      expect(await isPlanned(id)).toBe(false);
      await mark(id, since);
      await mark(id, before);
      expect(await isPlanned(id)).toBe(true);
    });

    it('is kept for running tasks only, and forgotten when they have ended', async () => {
      const running = await insertTask(knex);
      const ended = await insertTask(knex);
      const gone = randomUUID();
      await knex(TASKS).where('id', ended).update({ status: 'completed' });
      await markShutdown(
        knex,
        [running, ended, gone].map(taskId => ({ taskId, recoveredEvent: 0 })),
      );
      expect(await knex(SHUTDOWNS).pluck('task_id')).toEqual([running]);
      await knex(TASKS).where('id', running).update({ status: 'completed' });
      await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
      expect(await knex(SHUTDOWNS).pluck('task_id')).toEqual([]);
    });
  });

  describe('the sign-in that a task was started with', () => {
    const lockWith = async (expiresAt: unknown) => {
      const secrets = JSON.stringify({
        token: 'very-secret',
        __initiatorCredentials: JSON.stringify({ expiresAt, token: 'secret' }),
      });
      const id = await insertTask(knex, { secrets });
      const [row] = await knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds: [id], ...timeouts }),
      );
      return row;
    };

    it('is told when it has expired', async () => {
      const past = new Date(Date.now() - 60_000);
      const row = await lockWith(past.toISOString());
      expect(row.signInExpiredAt).toEqual(past);
      expect(JSON.stringify(row)).not.toContain('secret"');
    });

    it.each([
      new Date(Date.now() + 60_000).toISOString(),
      undefined,
      'soon',
      17,
    ])('is not told otherwise: %j', async expiresAt => {
      expect((await lockWith(expiresAt)).signInExpiredAt).toBeUndefined();
    });

    it('is not told of secrets that a worker can read and that have none', () => {
      for (const text of ['{}', '[]', '17', '{"__initiatorCredentials":"{"}']) {
        expect(readSecrets(text)).toEqual({ state: 'readable' });
      }
      for (const text of [null, '', 'null']) {
        expect(readSecrets(text)).toEqual({ state: 'gone' });
      }
    });
  });

  describe('task events', () => {
    it('are appended in order, however many there are', async () => {
      const id = await insertTask(knex);
      const events = Array.from({ length: 1_200 }, (_, i) => ({
        taskId: id,
        type: 'log' as const,
        body: { message: `${i}` },
      }));
      await knex.transaction(tx => appendTaskEvents(tx, events));
      expect((await readEvents(knex, id)).map(e => e.body.message)).toEqual(
        events.map(e => e.body.message),
      );
      await knex.transaction(tx => appendTaskEvents(tx, []));
    });

    it('that are published come with their own ids, in whatever order the database returns its rows', async () => {
      const tasks = await Promise.all([1, 2, 3].map(() => insertTask(knex)));
      const ids = await withRowsReversed(knex, () =>
        knex.transaction(tx =>
          appendPublishedTaskEvents(
            tx,
            tasks.map(taskId => ({ taskId, type: 'recovered', body: {} })),
          ),
        ),
      );
      const rows = await knex(TASK_EVENTS).select('id', 'task_id');
      expect(ids).toEqual(
        new Map(rows.map(row => [row.task_id, Number(row.id)])),
      );
      expect(ids.size).toBe(3);
      expect(
        await knex.transaction(tx => appendPublishedTaskEvents(tx, [])),
      ).toEqual(new Map());
    });

    it('are read without log lines that change no step', async () => {
      const id = await insertTask(knex);
      const running = { message: 'x', stepId: 'a', status: 'processing' };
      await insertEvent(knex, id, 'log', running);
      await insertEvent(knex, id, 'log', {
        message: 'a body with "status":"failed" in its text',
        stepId: 'a',
      });
      await insertEvent(knex, id, 'cancelled', { message: 'c' });
      await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
      await insertEvent(knex, id, 'completion', { status: 'x' });
      const other = await insertTask(knex);
      await insertEvent(knex, other, 'log', running);
      await insertEvent(knex, await insertTask(knex), 'log', running);
      const body = JSON.stringify(running);
      expect(await readStepEvents(knex, [id, other])).toEqual(
        new Map([
          [id, [body, '"cancelled"', '"recovered"']],
          [other, [body]],
        ]),
      );
    });

    it('are read in the order in which they were written, task by task', async () => {
      const ids = [await insertTask(knex), await insertTask(knex)];
      const bodies = Array.from({ length: 60 }, (_, i) =>
        JSON.stringify({
          message: `${i}, "\n\u001e"`,
          stepId: 'a',
          status: 'completed',
        }),
      );
      for (const body of bodies) {
        for (const task_id of ids) {
          await knex(TASK_EVENTS).insert({ task_id, event_type: 'log', body });
        }
      }
      const empty = await insertTask(knex);
      expect(await readStepEvents(knex, [...ids, empty])).toEqual(
        new Map(ids.map(id => [id, bodies])),
      );
    });
  });

  describe('strategies', () => {
    const row = (task_id: string, strategy = 'restart') => ({
      task_id,
      strategy,
      source: 'template',
      remark: null,
    });

    it('are missing for tasks in flight only', async () => {
      const open = await insertTask(knex, { status: 'open' });
      const running = await insertTask(knex, { silentSeconds: 0 });
      await insertTask(knex, { status: 'completed' });
      const known = await insertTask(knex);
      await rememberStrategy(knex, row(known));
      const listed = await idsOf(listTasksWithoutStrategy(knex, page));
      expect(listed.sort()).toEqual([open, running].sort());
    });

    it('stay what they were when the task was started', async () => {
      const id = await insertTask(knex);
      await rememberStrategy(knex, row(id, 'restart'));
      await rememberStrategy(knex, row(id, 'none'));
      expect(await knex(STRATEGIES).select('strategy')).toEqual([
        { strategy: 'restart' },
      ]);
    });

    it('are remembered however many there are, with remarks that PostgreSQL cannot store as they are', async () => {
      const ids = await Promise.all(
        Array.from({ length: 400 }, () => insertTask(knex)),
      );
      await rememberStrategies(
        knex,
        ids.map(id => ({ ...row(id), remark: 'a key\0 of \ud83d half' })),
      );
      const remarks = await knex(STRATEGIES).pluck('remark');
      expect(remarks).toEqual(ids.map(() => 'a key of \ufffd half'));
      await rememberStrategies(knex, []);
    });

    it('are forgotten when the task has ended', async () => {
      const open = await insertTask(knex, { status: 'open' });
      const running = await insertTask(knex);
      const ended = await insertTask(knex, { status: 'failed' });
      for (const id of [open, running, ended]) {
        await rememberStrategy(knex, row(id));
      }
      await knex.transaction(tx =>
        recordAttempts(
          tx,
          [running, ended].map(taskId => newAttempt({ taskId, spent: 2 })),
        ),
      );
      await forgetEndedTasks(knex, { nudgeIntervalSeconds: 30 });
      expect((await knex(STRATEGIES).pluck('task_id')).sort()).toEqual(
        [open, running].sort(),
      );
      // And so is what counted against its limit, for a retry by hand.
      expect((await readLastAttempt(knex, running))?.spent).toBe(2);
      expect((await readLastAttempt(knex, ended))?.spent).toBe(0);
    });
  });

  describe('nudgeWorker', () => {
    const wake = (waitingSeconds = 15, delaySeconds = 0) =>
      nudgeWorker(knex, {
        waitingSeconds,
        delaySeconds: () => delaySeconds,
        intervalSeconds: 30,
        staleTimeoutSeconds: 3600,
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
      expect(await wake(15, 7)).toBe(id);
      const stale = async (seconds: number) =>
        knex(TASKS)
          .where('last_heartbeat_at', '<=', secondsAgo(knex, seconds))
          .pluck('id');
      // On SQLite there is no delay: there is no other process.
      expect(await stale(3600)).toEqual(isSqlite(knex) ? [id] : []);
      expect(await stale(3590)).toEqual([id]);
      expect(await listInterrupted()).toEqual([]);
    });

    it('is no decision: the task counts as handed over until it is claimed', async () => {
      const id = await open(50);
      await wake();
      expect(await listInterrupted()).toEqual([]);
      expect(await listHandedOver()).toEqual([id]);
      expect(await readAttempts(knex, id)).toEqual([]);
      await beat(id);
      expect(await listHandedOver()).toEqual([]);
    });

    it('wakes one worker however many replicas ask at once', async () => {
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
      expect(await listHandedOver()).toEqual([waiting]);
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

  it('clearUnneededSecrets clears those of running tasks whose strategy is none', async () => {
    const task = async (strategy: string, options: TestTask) => {
      const id = await insertTask(knex, options);
      await rememberStrategy(knex, {
        task_id: id,
        strategy,
        source: 'template',
        remark: null,
      });
      return id;
    };
    const none = await task('none', { silentSeconds: 1 });
    const kept = [
      await task('restart', { silentSeconds: 1 }),
      await task('idempotent', { silentSeconds: 1 }),
      // Not claimed yet, or perhaps handed over.
      await task('none', { silentSeconds: 1, status: 'open' }),
      await task('none', { silentSeconds: 600 }),
      await insertTask(knex, { silentSeconds: 1 }),
    ];
    expect(await clearUnneededSecrets(knex, timeoutSeconds)).toBe(1);
    expect(await readTask(knex, none)).toMatchObject({ secrets: null });
    for (const id of kept) {
      expect(await readTask(knex, id)).toMatchObject({
        secrets: expect.stringContaining('very-secret'),
      });
    }
  });

  it('clearUnneededSecrets sends its timeout beside the statement, not in it', async () => {
    const sent: { sql: string; bindings: unknown[] }[] = [];
    const onQuery = (query: (typeof sent)[0]) => sent.push(query);
    knex.on('query', onQuery);
    await clearUnneededSecrets(knex, 12_345);
    knex.removeListener('query', onQuery);
    expect(sent).toHaveLength(1);
    expect(sent[0].sql).not.toMatch(/1234/);
    expect(sent[0].bindings.join()).toMatch(/1234/);
  });

  it('finds tasks in flight by an index, however long the history is', async () => {
    await insertHistory(knex, 5_000);
    await knex.transaction(async tx => {
      const ended = await tx(TASKS).pluck('id');
      const attempts = ended.map(taskId => newAttempt({ taskId }));
      await recordAttempts(tx, attempts);
      await tx(ATTEMPTS).update({ decided_at: secondsAgo(tx, 86_400) });
    });
    await insertTask(knex);
    await knex.raw('analyze');
    const plans = await plansOf(async () => {
      await countInFlight(knex, { timeoutSeconds, waitingSeconds: 15 });
      await listInterrupted();
      await listHandedOver();
      await listTasksWithoutStrategy(knex, page);
      await clearUnneededSecrets(knex, timeoutSeconds);
    });
    expect(plans).toHaveLength(5);
    for (const plan of plans) {
      expect(plan).toContain('scaffolder_recovery_in_flight_idx');
    }
    const [plan] = await plansOf(() =>
      listFinalAttempts(knex as Knex.Transaction, {
        seconds: 30,
        silentSeconds: 5,
      }),
    );
    // From the tasks in flight or from the last decisions, of which there are few as well.
    expect(plan).toMatch(
      /scaffolder_recovery_(in_flight|attempts_decided)_idx/,
    );
  });

  it('finds the last decision on a task by its key, however many were made since PostgreSQL last looked', async () => {
    await knex.raw('analyze');
    const id = await insertTask(knex);
    const { id: _, ...task } = await knex(TASKS).where({ id }).first();
    for (let i = 0; i < 5; i++) {
      const rows = Array.from({ length: 400 }, () => ({
        ...task,
        id: randomUUID(),
      }));
      await knex.batchInsert(TASKS, rows, 80);
      await knex.transaction(tx =>
        recordAttempts(
          tx,
          rows.map(row => newAttempt({ taskId: row.id })),
        ),
      );
    }
    const [plan] = await plansOf(() => listInterrupted());
    expect(plan).toContain(
      isSqlite(knex)
        ? 'autoindex_scaffolder_recovery_attempts'
        : 'scaffolder_recovery_attempts_pkey',
    );
    expect(plan).not.toContain('decided_idx');
  });

  describe('lockTask', () => {
    it('tells whether a task runs now', async () => {
      const cases = [
        [{ silentSeconds: 0 }, true],
        [{ silentSeconds: 60 }, false],
        [{ status: 'open', silentSeconds: 0 }, false],
        [{ status: 'completed', silentSeconds: 0 }, false],
      ] as const;
      for (const [task, running] of cases) {
        const taskId = await insertTask(knex, task);
        expect(
          await knex.transaction(tx =>
            lockTask(tx, { taskId, timeoutSeconds }),
          ),
        ).toEqual({ running });
      }
      expect(
        await knex.transaction(tx =>
          lockTask(tx, { taskId: randomUUID(), timeoutSeconds }),
        ),
      ).toBeUndefined();
    });
  });

  it('readTaskSpecs reads specs as they are stored', async () => {
    const id = await insertTask(knex, { spec: '{broken' });
    expect(await readTaskSpecs(knex, [id, randomUUID()])).toEqual(
      new Map([[id, '{broken']]),
    );
  });

  it('selectTasks finds which of many ids are tasks', async () => {
    const id = await insertTask(knex);
    const ids = [...Array.from({ length: 1200 }, () => randomUUID()), id];
    expect(await selectTasks(knex, ids)).toEqual([id]);
    expect(await selectTasks(knex, [])).toEqual([]);
  });
});
