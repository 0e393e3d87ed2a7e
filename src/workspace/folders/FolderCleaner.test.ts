import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../scaffolder/tables';
import { FolderCleaner } from './FolderCleaner';
import { RunFolders } from './RunFolders';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'FolderCleaner on %s',
  databaseId => {
    let knex: Knex;
    let folders: RunFolders;
    let cleaner: FolderCleaner;
    const directory = createMockDirectory();
    const logger = mockServices.logger.mock();
    const always = () => true;
    const exists = (name: string) => fs.existsSync(directory.resolve(name));

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      jest.clearAllMocks();
      directory.clear();
      folders = new RunFolders(directory.path, logger);
      cleaner = new FolderCleaner({
        knex,
        timeoutSeconds: 30,
        folders,
        logger,
      });
      await knex(TASKS).delete();
    });

    it('fails no pass where the working directory cannot be listed, and logs that once', async () => {
      jest.spyOn(folders, 'list').mockRejectedValue(new Error('ENOENT'));
      await cleaner.cleanOnce(always);
      await cleaner.cleanOnce(always);
      expect(logger.warn.mock.calls).toEqual([
        [
          expect.stringContaining('Could not list the workspaces'),
          expect.objectContaining({ message: 'ENOENT' }),
        ],
      ]);
    });

    it('removes the workspaces of tasks that do not run, and nothing else', async () => {
      const ended = await insertTask(knex, { status: 'completed' });
      const open = await insertTask(knex, { status: 'open' });
      const silent = await insertTask(knex);
      const alive = await insertTask(knex, { silentSeconds: 0 });
      const kept = {
        [alive]: { file: 'x' },
        [randomUUID()]: { file: 'x' },
        [`${ended}_step-fetch-a1b2c3`]: { file: 'x' },
        'some-folder': { file: 'x' },
      };
      directory.setContent({
        ...kept,
        [ended]: { file: 'x' },
        [open]: { file: 'x' },
        [silent]: { file: 'x' },
      });
      await cleaner.cleanOnce(always);
      expect(Object.keys(kept).filter(exists)).toEqual(Object.keys(kept));
      expect([ended, open, silent].filter(exists)).toEqual([]);
    });

    it('cleans once in a process, in the first call in which the database answers', async () => {
      const [first, second] = [
        await insertTask(knex, { status: 'completed' }),
        await insertTask(knex, { status: 'completed' }),
      ];
      directory.setContent({ [first]: { file: 'x' } });
      await knex.schema.renameTable(TASKS, 'elsewhere');
      await expect(cleaner.cleanOnce(always)).rejects.toMatchObject({
        message: expect.stringContaining(TASKS),
      });
      await knex.schema.renameTable('elsewhere', TASKS);
      expect(exists(first)).toBe(true);
      await cleaner.cleanOnce(always);
      expect(exists(first)).toBe(false);

      directory.setContent({ [second]: { file: 'x' } });
      await cleaner.cleanOnce(always);
      expect(exists(second)).toBe(true);
    });

    it('removes nothing while the heartbeats cannot be trusted, and makes up for it', async () => {
      const silent = await insertTask(knex);
      directory.setContent({ [silent]: { file: 'x' } });
      await cleaner.cleanOnce(() => false);
      expect(exists(silent)).toBe(true);
      await cleaner.cleanOnce(always);
      expect(exists(silent)).toBe(false);
    });

    it('logs a workspace that cannot be removed, and removes the others', async () => {
      const stuck = await insertTask(knex, { status: 'completed' });
      const other = await insertTask(knex, { status: 'completed' });
      directory.setContent({ [stuck]: { file: 'x' }, [other]: { file: 'x' } });
      const takeAway = folders.takeAway.bind(folders);
      jest.spyOn(folders, 'takeAway').mockImplementation(id => {
        if (id === stuck) {
          throw new Error('EACCES');
        }
        takeAway(id);
      });
      await cleaner.cleanOnce(always);
      expect(exists(other)).toBe(false);
      expect(logger.error.mock.calls).toEqual([
        [
          `Could not remove the workspace of task ${stuck}`,
          expect.objectContaining({ message: 'EACCES' }),
        ],
      ]);
    });
  },
);
