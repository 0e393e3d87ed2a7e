import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  readEvents,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { listInterruptedTasks } from '../../database/operations/interrupted/listInterruptedTasks';
import { recordAttempts } from '../../database/operations/attempts/recordAttempts';
import { SHUTDOWNS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { OwnedRuns } from './OwnedRuns';
import { reportLostOwnership } from './reportLostOwnership';
import { RunFolders } from '../../workspace/folders/RunFolders';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'reportLostOwnership on %s',
  databaseId => {
    let knex: Knex;
    let runs: OwnedRuns;
    const directory = createMockDirectory();
    const logger = mockServices.logger.mock();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      jest.clearAllMocks();
      directory.clear();
      const folders = new RunFolders(directory.path, logger);
      runs = new OwnedRuns({ knex, folders });
      await knex(TASKS).delete();
    });

    /** A task that this process runs. */
    async function running(): Promise<string> {
      const id = await insertTask(knex, { silentSeconds: 0 });
      await runs.claimed(id);
      fs.mkdirSync(directory.resolve(id));
      return id;
    }
    /** As another process does that has decided on it and claimed it. */
    async function reclaim(id: string): Promise<void> {
      await insertEvent(knex, id, 'recovered', {});
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id })]),
      );
    }
    const marked = () => knex(SHUTDOWNS).orderBy('task_id').pluck('task_id');
    /** Those that are to be recovered after so many seconds without a heartbeat, with a timeout of a minute. */
    async function interruptedAfter(silentSeconds: number): Promise<string[]> {
      await knex(TASKS).update({
        last_heartbeat_at: secondsAgo(knex, silentSeconds),
      });
      const tasks = await listInterruptedTasks(
        knex,
        { timeoutSeconds: 60, taskTimeoutSeconds: 86_400 },
        { limit: 9 },
      );
      return tasks.map(task => task.id);
    }

    it('has the other tasks of this process recovered soon when it ends, and not the run that has reclaimed its task', async () => {
      const [lost, kept] = [await running(), await running()];
      await runs.renewHeartbeats();
      await reclaim(lost);
      const { lostOwnership } = await runs.renewHeartbeats();
      expect(lostOwnership).toMatchObject([{ taskId: lost }]);
      const exit = jest.fn();
      await reportLostOwnership(lostOwnership, { knex, runs, exit, logger });
      expect(exit).toHaveBeenCalledTimes(1);
      expect(await marked()).toContain(kept);
      expect(await interruptedAfter(8)).toEqual([kept]);
      expect((await readEvents(knex, lost)).at(-1)!.body.message).toContain(
        'Warning: this task was reclaimed',
      );
    });

    it('has marked them before the process ends, also if the logs of the tasks cannot be written', async () => {
      const [lost, kept] = [await running(), await running()];
      await runs.renewHeartbeats();
      await reclaim(lost);
      const { lostOwnership } = await runs.renewHeartbeats();
      const exit = jest.fn();
      // No answer, as of a table that is locked.
      jest.spyOn(runs, 'warn').mockReturnValue(new Promise(() => {}));
      const exited = new Promise<void>(resolve =>
        exit.mockImplementation(resolve),
      );
      void reportLostOwnership(lostOwnership, { knex, runs, exit, logger });
      await exited;
      expect(await marked()).toContain(kept);
    });

    it('ends the process though the database does not answer, and logs what follows from that', async () => {
      const lost = await running();
      await runs.renewHeartbeats();
      await reclaim(lost);
      const { lostOwnership } = await runs.renewHeartbeats();
      await knex.schema.renameTable(SHUTDOWNS, 'away');
      const exit = jest.fn();
      await reportLostOwnership(lostOwnership, {
        knex,
        runs,
        exit,
        logger,
      }).finally(() => knex.schema.renameTable('away', SHUTDOWNS));
      expect(exit).toHaveBeenCalledTimes(1);
      expect(logger.error).toHaveBeenCalledWith(
        'Could not mark the tasks of this process as interrupted on purpose; its other tasks are recovered after scaffolder.recoverTasksTimeout',
        expect.anything(),
      );
      expect((await readEvents(knex, lost)).at(-1)!.body.message).toContain(
        'Warning: this task was reclaimed',
      );
    });

    it('marks nothing if the process does not end', async () => {
      const lost = await running();
      await running();
      await runs.renewHeartbeats();
      await reclaim(lost);
      const { lostOwnership } = await runs.renewHeartbeats();
      await reportLostOwnership(lostOwnership, { knex, runs, logger });
      expect(await marked()).toEqual([]);
    });
  },
);
