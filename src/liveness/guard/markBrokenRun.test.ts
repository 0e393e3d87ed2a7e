import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { SHUTDOWNS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { markBrokenRun } from './markBrokenRun';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'markBrokenRun on %s',
  databaseId => {
    let knex: Knex;
    const logger = mockServices.logger.mock();
    const lifetime = new AbortController();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      jest.clearAllMocks();
      await knex(TASKS).delete();
      await knex(SHUTDOWNS).delete();
    });

    const mark = (taskId: string, token?: number) =>
      markBrokenRun(
        { taskId, token: Promise.resolve(token), problem: 'reset' },
        { knex, signal: lifetime.signal, logger },
      );

    it('marks the run of a task and says that the task is interrupted', async () => {
      const taskId = await insertTask(knex);
      await mark(taskId, 0);
      expect(await knex(SHUTDOWNS)).toMatchObject([
        { task_id: taskId, cause: 'connection', problem: 'reset' },
      ]);
      expect(logger.warn.mock.calls).toEqual([
        [
          `Task ${taskId} is interrupted: the scaffolder lost its database connection (reset). It is recovered as its template asks`,
        ],
      ]);
    });

    it('says nothing of a task that has ended', async () => {
      const taskId = await insertTask(knex, { status: 'completed' });
      await mark(taskId, 0);
      expect(await knex(SHUTDOWNS)).toEqual([]);
      expect(logger.warn).not.toHaveBeenCalled();
    });

    it('says nothing of a task that runs again', async () => {
      const taskId = await insertTask(knex);
      await insertEvent(knex, taskId, 'recovered', {});
      await mark(taskId, 0);
      expect(logger.warn).not.toHaveBeenCalled();
    });

    it('says that a task may be interrupted if it is not known which of its runs broke', async () => {
      const taskId = await insertTask(knex);
      await mark(taskId);
      expect(await knex(SHUTDOWNS)).toEqual([]);
      expect(logger.warn).toHaveBeenCalledWith(
        expect.stringContaining(`Task ${taskId} may be interrupted`),
      );
    });
  },
);
