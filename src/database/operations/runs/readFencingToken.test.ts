import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { TASK_EVENTS } from '../../../scaffolder/tables';
import { ATTEMPTS } from '../../tables';
import { secondsAgo } from '../../time';
import { attemptRow } from '../attempts/recordAttempts';
import { readFencingToken } from './readFencingToken';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'readFencingToken on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    /** So many seconds ago the task was decided on and queued again. */
    async function recovered(taskId: string, attempt: number, seconds: number) {
      const at = secondsAgo(knex, seconds);
      await knex(ATTEMPTS).insert({
        ...attemptRow(newAttempt({ taskId, attempt })),
        decided_at: at,
      });
      await insertEvent(knex, taskId, 'recovered', {});
      const [{ id }] = await knex(TASK_EVENTS)
        .where({ task_id: taskId })
        .max({ id: 'id' });
      await knex(TASK_EVENTS).where({ id }).update({ created_at: at });
      return { attempt, recoveredEvent: Number(id) };
    }

    it('reads the last decision on an interruption and the last recovered event, in one statement', async () => {
      const id = await insertTask(knex);
      await insertEvent(knex, id, 'log', {});
      const none = { attempt: 0, recoveredEvent: 0 };
      expect(await readFencingToken(knex, id)).toEqual(none);
      expect(await readFencingToken(knex, id, 10)).toEqual(none);
      await recovered(id, 1, 0);
      const last = await recovered(id, 2, 0);
      await insertEvent(knex, id, 'log', {});
      await recovered(await insertTask(knex), 3, 0);
      await knex(ATTEMPTS).insert({
        ...attemptRow(newAttempt({ taskId: id, attempt: 3 })),
        trigger: 'retry',
      });
      const asked: string[] = [];
      const ask = ({ sql }: { sql: string }) => asked.push(sql);
      knex.on('query', ask);
      expect(await readFencingToken(knex, id)).toEqual(last);
      knex.removeListener('query', ask);
      expect(asked).toHaveLength(1);
    });

    it('leaves out what is younger than the claim, and nothing that can have led to it', async () => {
      const id = await insertTask(knex);
      const before = await recovered(id, 1, 30);
      const after = await recovered(id, 2, 20);
      expect(await readFencingToken(knex, id, 25)).toEqual(before);
      expect(await readFencingToken(knex, id, 30)).toEqual(before);
      expect(await readFencingToken(knex, id, 20)).toEqual(after);
      expect(await readFencingToken(knex, id, 0)).toEqual(after);
    });

    it('reads what led to a claim that was seen just now', async () => {
      const id = await insertTask(knex);
      const last = await recovered(id, 1, 0);
      expect(await readFencingToken(knex, id, 0)).toEqual(last);
    });
  },
);
