import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertTask,
  migrateScaffolder,
  newAttempt,
  readAttempts,
  readEvents,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { recordAttempts } from './recordAttempts';
import { appendTaskEvents } from '../taskEvents/appendTaskEvents';
import { readRunningTask } from '../tasks/readRunningTask';
import { ATTEMPTS } from '../../tables';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'recordAttempts on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

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
            attemptsUsed: 2,
            finishedSteps: 1,
          }),
        ]);
        await recordAttempts(tx, []);
      });
      const lastOn = async (taskId: string) =>
        (await readRunningTask(knex, taskId))!.last;
      expect(await lastOn(one)).toEqual({
        attempt: 2,
        attemptsUsed: 2,
        finishedSteps: 1,
      });
      expect(await lastOn(two)).toEqual({
        attempt: 1,
        attemptsUsed: 1,
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
  },
);
