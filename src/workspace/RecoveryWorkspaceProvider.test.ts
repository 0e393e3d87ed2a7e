import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../__testUtils__/rememberStrategy';
import { ATTEMPTS, SNAPSHOTS } from '../database/tables';
import {
  migrationFailed,
  ownTablesMissing,
  scaffolderTablesMissing,
} from '../database/readiness/blockers';
import { DATABASE_ONLY } from '../decision/plan/snapshotNeeds';
import { RecoveryWorkspaceProvider } from './RecoveryWorkspaceProvider';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'RecoveryWorkspaceProvider on %s',
  databaseId => {
    const logger = mockServices.logger.mock();
    const snapshots = {
      begin: jest.fn(),
      hasBegun: jest.fn(),
      take: jest.fn(),
      forget: jest.fn(),
    };
    const readiness = { ensure: jest.fn() };
    const runs = { isDoubled: jest.fn() };
    let knex: Knex;
    let provider: RecoveryWorkspaceProvider;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
      provider = new RecoveryWorkspaceProvider({
        ...{ knex, snapshots, readiness, runs, logger },
        readable: DATABASE_ONLY,
        inTurn: (_taskId, fill) => fill(),
      });
    });

    beforeEach(() => {
      jest.resetAllMocks();
      snapshots.hasBegun.mockReturnValue(true);
    });

    /** A task that was interrupted in its second step; there is a snapshot of the end of the first. */
    async function createTask(strategy?: string): Promise<string> {
      const taskId = await insertTask(knex, {
        steps: ['a', 'b'],
        completed: ['a'],
      });
      if (strategy) {
        await rememberStrategy(knex, {
          task_id: taskId,
          strategy,
          source: 'template',
          remark: null,
        });
      }
      const row = { task_id: taskId, epoch: 1, stored_bytes: 0 };
      const add = async (number: number, more: object) =>
        knex(SNAPSHOTS).insert({
          ...row,
          ...{ number, files: 0, bytes: 0, ...more },
          last_event: knex('task_events')
            .where('task_id', taskId)
            .select(knex.raw('coalesce(max(id), 0)')),
        });
      await add(1, { kind: 'begin' });
      const log = (stepId: string, status: string) =>
        insertEvent(knex, taskId, 'log', { message: '', stepId, status });
      await log('a', 'processing');
      await add(2, { kind: 'files', changed: true });
      await log('a', 'completed');
      await log('b', 'processing');
      await add(3, { kind: 'files', changed: true });
      return taskId;
    }

    it.each([undefined, 'idempotent'])(
      'begins a run with the files from before its first step, with the strategy %s',
      async strategy => {
        const taskId = await createTask(strategy);
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.begin).toHaveBeenCalledWith({
          ...{ taskId, path: '/w', from: 2, attempt: 0 },
        });
        await provider.serializeWorkspace({ taskId, path: '/w' });
        expect(snapshots.take).toHaveBeenCalledWith({ taskId, path: '/w' });
        await provider.cleanWorkspace({ taskId });
        expect(snapshots.forget).toHaveBeenCalledWith([taskId], {
          ifEnded: true,
        });
      },
    );

    it.each(['none', 'restart'])(
      'keeps nothing of a task with the strategy %s, also if that is only known once it runs',
      async strategy => {
        const taskId = await createTask(strategy);
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.begin).not.toHaveBeenCalled();
        await provider.serializeWorkspace({ taskId, path: '/w' });
        expect(snapshots.take).not.toHaveBeenCalled();
        expect(snapshots.forget).toHaveBeenCalledWith([taskId]);
      },
    );

    it.each(['none', 'restart'])(
      'deletes what an earlier run stored while the strategy %s was not known, and begins the run also if that fails',
      async strategy => {
        const taskId = await createTask(strategy);
        snapshots.forget.mockRejectedValueOnce(new Error('gone'));
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.forget.mock.calls).toEqual([[[taskId]]]);
        await knex(SNAPSHOTS).where('task_id', taskId).delete();
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.forget).toHaveBeenCalledTimes(1);
      },
    );

    describe('a run whose files cannot be read here', () => {
      /** @param planned - the files that the last decision planned with, if there was one */
      async function beginUnreadable(planned?: object): Promise<string> {
        const taskId = await createTask('idempotent');
        const needs = JSON.stringify({ stores: ['directory:/x'], keys: [] });
        await knex(SNAPSHOTS).where('task_id', taskId).update({ needs });
        if (planned) {
          await knex(ATTEMPTS).insert({
            ...{ task_id: taskId, attempt: 1, decision: 'resume' },
            files: JSON.stringify(planned),
          });
        }
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        return taskId;
      }

      it('begins empty if it was planned without them, and the log says why', async () => {
        const taskId = await beginUnreadable({ kind: 'missing', stepId: 'a' });
        expect(snapshots.begin).toHaveBeenCalledWith({
          ...{ taskId, path: '/w', attempt: 1, from: undefined },
        });
        expect(logger.warn.mock.calls).toEqual([
          [
            `Task ${taskId} begins in an empty workspace, because there is no snapshot of the end of step 'a': its files are in the store directory:/x, which is not among scaffolder.recoverTasksWorkspaces.stores`,
          ],
        ]);
      });

      // Its steps are skipped all the same, since that is in the state of the task.
      it.each([
        ['with them', { kind: 'snapshot', number: 2, stepId: 'a' }],
        ['with others', { kind: 'snapshot', number: 3, stepId: 'a' }],
        ['to begin empty, and then went on', { kind: 'empty' }],
        ['by nobody', undefined],
      ])(
        'does not begin empty if it was planned %s, but asks for them, which fails',
        async (_, planned) => {
          const taskId = await beginUnreadable(planned);
          expect(snapshots.begin).toHaveBeenCalledWith(
            expect.objectContaining({ taskId, path: '/w', from: 2 }),
          );
          expect(logger.warn).not.toHaveBeenCalled();
        },
      );
    });

    it('stores nothing of a run that it did not begin, and of two runs that share a folder', async () => {
      const taskId = await createTask('idempotent');
      snapshots.hasBegun.mockReturnValue(false);
      await provider.serializeWorkspace({ taskId, path: '/w' });
      snapshots.hasBegun.mockReturnValue(true);
      runs.isDoubled.mockReturnValue(true);
      await provider.serializeWorkspace({ taskId, path: '/w' });
      expect(snapshots.take).not.toHaveBeenCalled();
    });

    describe('where the module cannot work', () => {
      const newTask = (completed: string[]) =>
        insertTask(knex, { steps: ['a', 'b'], completed });

      it.each([
        ['runs all its steps', () => newTask([])],
        ['runs none of its steps', () => newTask(['a', 'b'])],
      ])('a run that %s begins as without snapshots', async (_, create) => {
        const taskId = await create();
        readiness.ensure.mockRejectedValue(migrationFailed(new Error('no')));
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.begin).not.toHaveBeenCalled();
      });

      it('since another task broker keeps the tasks elsewhere, runs begin as without snapshots', async () => {
        const taskId = await createTask('idempotent');
        readiness.ensure.mockRejectedValue(scaffolderTablesMissing(['tasks']));
        await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
        expect(snapshots.begin).not.toHaveBeenCalled();
      });

      // A task that was handed over is opened with the strategy `none` by the scaffolder.
      it.each(['idempotent', 'none'])(
        'a run that skips steps does not begin empty, but waits for its files, recovered with %s',
        async recoverStrategy => {
          const taskId = await createTask('idempotent');
          await insertEvent(knex, taskId, 'recovered', { recoverStrategy });
          readiness.ensure
            .mockRejectedValueOnce(migrationFailed(new Error('no')))
            .mockRejectedValueOnce(ownTablesMissing(['none'], true));
          await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
          expect(snapshots.begin).toHaveBeenCalledWith({
            ...{ taskId, path: '/w', from: 2, attempt: 0 },
          });
        },
      );
    });

    it('fails the run with the cause if it stays unknown which files it begins with', async () => {
      const taskId = await createTask('idempotent');
      readiness.ensure.mockRejectedValue(new Error('gone'));
      const times = [0, 10_000, 20_000, 30_000];
      jest.spyOn(performance, 'now').mockImplementation(() => times.shift()!);
      try {
        await expect(
          provider.rehydrateWorkspace({ taskId, targetPath: '/w' }),
        ).rejects.toThrow(
          'It could not be read in 30 s which files this run begins with. Retry the task once the cause is mended; caused by Error: gone',
        );
      } finally {
        jest.restoreAllMocks();
      }
      expect(snapshots.begin).not.toHaveBeenCalled();
    });

    it('waits for a database that does not answer for a moment', async () => {
      const taskId = await createTask('idempotent');
      readiness.ensure.mockRejectedValueOnce(new Error('gone'));
      await provider.rehydrateWorkspace({ taskId, targetPath: '/w' });
      expect(snapshots.begin).toHaveBeenCalledTimes(1);
    });
  },
);
