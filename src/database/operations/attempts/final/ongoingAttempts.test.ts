import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertTask,
  migrateScaffolder,
  newAttempt,
  TEST_DATABASE_IDS,
} from '../../../../__testUtils__/scaffolderDatabase';
import { hasOngoingAttempt } from './hasOngoingAttempt';
import { listFinalAttempts } from './listFinalAttempts';
import { recordAttempts } from '../recordAttempts';
import { ATTEMPTS } from '../../../tables';
import { secondsAgo } from '../../../time';
import { TASKS } from '../../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'ongoing attempts on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    it('finds whether an attempt is ongoing of a task that was recovered so often in a row', async () => {
      const isAny = (minAttemptsUsed: number) =>
        knex.transaction(tx =>
          hasOngoingAttempt(tx, {
            minAttemptsUsed,
            seconds: 30,
            silentSeconds: 5,
          }),
        );
      const id = await insertTask(knex);
      expect(await isAny(1)).toBe(false);
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id, attemptsUsed: 2 })]),
      );
      expect([await isAny(2), await isAny(3)]).toEqual([true, false]);
      await knex(TASKS).where({ id }).update({ status: 'completed' });
      expect(await isAny(2)).toBe(false);
    });

    it('lists the tasks in flight whose final attempt began a short while ago', async () => {
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
        .update({ last_heartbeat_at: secondsAgo(knex, 0) });
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
        .update({ last_heartbeat_at: secondsAgo(knex, 0) });
      await knex(TASKS).where({ id }).update({ status: 'failed' });
      expect(await given(60)).toEqual([]);
      // Retried by hand after it was closed.
      await knex(TASKS).where({ id }).update({ status: 'processing' });
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id, attempt: 2 })]),
      );
      expect(await given(60)).toEqual([]);
    });
  },
);
