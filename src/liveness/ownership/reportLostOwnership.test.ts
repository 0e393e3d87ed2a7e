import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
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
import { OwningProcess } from '../__testUtils__/OwningProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'reportLostOwnership on %s',
  databaseId => {
    const owner = OwningProcess.inEachTest(databases, databaseId);
    const { logger } = owner;
    let knex: Knex;
    let runs: OwnedRuns;

    beforeEach(() => {
      ({ knex, runs } = owner);
    });

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
      const [lost, kept] = [await owner.running(), await owner.running()];
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
      const [lost, kept] = [await owner.running(), await owner.running()];
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
      const lost = await owner.running();
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
      const lost = await owner.running();
      await owner.running();
      await runs.renewHeartbeats();
      await reclaim(lost);
      const { lostOwnership } = await runs.renewHeartbeats();
      await reportLostOwnership(lostOwnership, { knex, runs, logger });
      expect(await marked()).toEqual([]);
    });
  },
);
