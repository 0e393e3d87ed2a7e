import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertTask,
  migrateScaffolder,
  newAttempt,
  readLastAttempt,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { recordAttempts } from './recordAttempts';
import { resetAttemptsUsed } from './resetAttemptsUsed';
import { withdrawAttempt } from './withdrawAttempt';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'attempts used on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const usedOn = async (taskId: string) =>
      (await readLastAttempt(knex, taskId))?.spent;

    it('are one fewer when a decision is withdrawn, which counts once', async () => {
      const [unplanned, planned] = [
        await insertTask(knex),
        await insertTask(knex),
      ];
      await knex.transaction(tx =>
        recordAttempts(tx, [
          newAttempt({ taskId: unplanned, attemptsUsed: 2 }),
          newAttempt({
            taskId: planned,
            attemptsUsed: 2,
            interruptedBy: 'shutdown',
          }),
        ]),
      );
      for (const taskId of [unplanned, planned]) {
        await withdrawAttempt(knex, { taskId, attempt: 1 });
        await withdrawAttempt(knex, { taskId, attempt: 1 });
      }
      expect([await usedOn(unplanned), await usedOn(planned)]).toEqual([1, 2]);
    });

    it('are none once a run has ended by itself', async () => {
      const [ended, other] = [await insertTask(knex), await insertTask(knex)];
      await knex.transaction(tx =>
        recordAttempts(tx, [
          newAttempt({ taskId: ended, attemptsUsed: 2 }),
          newAttempt({ taskId: other, attemptsUsed: 2 }),
        ]),
      );
      await resetAttemptsUsed(knex, ended);
      expect([await usedOn(ended), await usedOn(other)]).toEqual([0, 2]);
    });
  },
);
