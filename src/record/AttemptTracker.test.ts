import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { waitFor } from '../../dev/harness/waitFor';
import { watchOwnTimers } from '../__testUtils__/ownTimers';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import {
  NewAttempt,
  recordAttempts,
} from '../database/operations/attempts/recordAttempts';
import { recordClaim } from '../database/operations/attempts/outcomes/recordClaim';
import { withdrawAttempt } from '../database/operations/attempts/withdrawAttempt';
import { ATTEMPTS, DbAttemptRow } from '../database/tables';
import { TASK_EVENTS, TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';
import { AttemptTracker } from './AttemptTracker';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'AttemptTracker on %s',
  databaseId => {
    let knex: Knex;
    const listener = { resumed: jest.fn() };
    const recordOnce = () =>
      new AttemptTracker({ knex, listener }).recordOnce();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });
    beforeEach(async () => {
      jest.resetAllMocks();
      await knex(TASKS).delete();
    });

    /** A task that was decided on ten seconds ago, when it had been silent for 30 s. */
    async function decidedTask(
      attempt: Partial<NewAttempt> = {},
    ): Promise<string> {
      const taskId = await insertTask(knex, { silentSeconds: 3601 });
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId, ...attempt })]),
      );
      await knex(ATTEMPTS)
        .where({ task_id: taskId })
        .update({ decided_at: secondsAgo(knex, 10) });
      return taskId;
    }
    const rows = (taskId: string): Promise<DbAttemptRow[]> =>
      knex(ATTEMPTS).where({ task_id: taskId }).orderBy('attempt');
    const claim = (taskId: string) =>
      knex(TASKS)
        .where({ id: taskId })
        .update({ status: 'processing', last_heartbeat_at: knex.fn.now() });
    const begin = (taskId: string) =>
      insertEvent(knex, taskId, 'log', { stepId: 'one', status: 'processing' });
    const end = async (taskId: string, status: string) => {
      await knex(TASKS).where({ id: taskId }).update({ status });
      await insertEvent(knex, taskId, 'completion', { message: 'ended' });
    };

    it('records nothing more on its own once the module has ended', async () => {
      const timers = watchOwnTimers();
      const lifetime = new AbortController();
      const { signal } = lifetime;
      const outcomes = new AttemptTracker({ knex, listener, signal });
      outcomes.ended();
      expect(timers.active()).toEqual([
        expect.stringContaining('record/AttemptTracker.ts'),
      ]);
      lifetime.abort();
      // Before it would have fired.
      await waitFor('no timer', async () => timers.active().length === 0, {
        timeoutMs: 300,
        intervalMs: 10,
      });
      outcomes.ended();
      expect(timers.active()).toEqual([]);
      timers.stop();
    });

    it('leaves a task that nobody has claimed', async () => {
      const taskId = await decidedTask();
      await recordOnce();
      expect(await rows(taskId)).toEqual([
        expect.objectContaining({
          outcome: 'waiting',
          claimed_at: null,
          resumed_at: null,
          ended_at: null,
        }),
      ]);
      expect(listener.resumed).not.toHaveBeenCalled();
    });

    it('records the claim, the first step and the end', async () => {
      const taskId = await decidedTask();
      await claim(taskId);
      await recordClaim(knex, { taskId, attempt: 1 });
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'running',
        claimed_at: expect.anything(),
      });

      await begin(taskId);
      await recordOnce();
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'running',
        resumed_at: expect.anything(),
        ended_at: null,
      });
      expect(listener.resumed.mock.calls).toEqual([
        [
          {
            strategy: undefined,
            decision: 'restart',
            secondsSinceHeartbeat: expect.any(Number),
          },
        ],
      ]);
      const [{ secondsSinceHeartbeat }] = listener.resumed.mock.calls[0];
      expect(secondsSinceHeartbeat).toBeGreaterThan(38);
      expect(secondsSinceHeartbeat).toBeLessThan(60);

      await end(taskId, 'completed');
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'completed',
        ended_at: expect.anything(),
      });
    });

    it('records a claim that its process did not', async () => {
      const taskId = await decidedTask();
      await claim(taskId);
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'running',
        claimed_at: expect.anything(),
      });
    });

    it('records all of a run that was over before the first call', async () => {
      const taskId = await decidedTask();
      await begin(taskId);
      await end(taskId, 'failed');
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'failed',
        resumed_at: expect.anything(),
        ended_at: expect.anything(),
      });
      expect(listener.resumed).toHaveBeenCalledTimes(1);
    });

    it('does not take a step of an earlier run for one of the further run', async () => {
      const taskId = await decidedTask();
      await begin(taskId);
      await knex(TASK_EVENTS).update({ created_at: secondsAgo(knex, 20) });
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({ resumed_at: null });
    });

    it.each([
      ['restart', 'interrupted'],
      ['cancelled', 'cancelled'],
    ])(
      'has a run that was decided on again, with %s, as %s',
      async (decision, outcome) => {
        const taskId = await decidedTask();
        await claim(taskId);
        await recordOnce();
        await knex.transaction(tx =>
          recordAttempts(tx, [newAttempt({ taskId, attempt: 2, decision })]),
        );
        expect(await rows(taskId)).toEqual([
          expect.objectContaining({ outcome, ended_at: expect.anything() }),
          expect.objectContaining({ outcome: 'waiting', ended_at: null }),
        ]);
      },
    );

    it('has a decision to close as closed, whatever happens later', async () => {
      const taskId = await decidedTask({ decision: 'failed', isClose: true });
      await end(taskId, 'completed');
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({ outcome: 'closed' });
    });

    it('records as withdrawn a decision on a run that was alive after all', async () => {
      const taskId = await decidedTask();
      await withdrawAttempt(knex, { taskId, attempt: 1 });
      await claim(taskId);
      await recordOnce();
      expect((await rows(taskId))[0]).toMatchObject({
        outcome: 'withdrawn',
        spent: 0,
      });
    });

    it('goes with its task', async () => {
      const taskId = await decidedTask();
      await knex(TASKS).where({ id: taskId }).delete();
      expect(await rows(taskId)).toEqual([]);
    });
  },
);
