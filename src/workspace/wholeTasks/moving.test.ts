import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { insertEvent } from '../../__testUtils__/scaffolderDatabase';
import { readTree } from '../../../dev/harness/steps/readTree';
import { PACKS } from '../../database/tables';
import { readTaskCourse } from '../../database/operations/tasks/readTaskCourse';
import { readHistory } from '../../decision/plan/history';
import { Site, removeSites } from '../__testUtils__/Site';
import { writeFiles } from '../__testUtils__/writeFiles';
import { StoreEntry, storeId } from '../storeConfig';
import { openStores } from '../stores/openStores';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3', 'POSTGRES_18'] });
const folders: string[] = [];

afterEach(async () => {
  await removeSites();
  folders.splice(0).forEach(f => fs.rmSync(f, { recursive: true }));
});

const rootConfig = mockServices.rootConfig();
const DATABASE: StoreEntry = { type: 'database' };

function newDirectory(): StoreEntry & { type: 'directory' } {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'));
  folders.push(root);
  return { type: 'directory', path: root };
}

describe.each(databases.eachSupportedId())(
  'another store in the configuration, on %s',
  databaseId => {
    /** A task with a snapshot in the database, and processes with other stores. */
    async function create() {
      const site = await Site.create(databases, {
        databaseId,
        store: 'database',
      });
      const { knex, taskId } = site;
      const log = (stepId: string, status: string) =>
        insertEvent(knex, taskId, 'log', { message: '', stepId, status });
      const withStores = (...entries: StoreEntry[]) =>
        site.another({
          stores: openStores(entries, { knex, rootConfig }),
          retryForMs: 100,
        });
      await site.begin();
      await log('one', 'processing');
      writeFiles(site.folder, { one: '1' });
      await site.take();
      await log('one', 'completed');
      return { site, withStores, log };
    }

    it('is written to, and what is in the former one is found', async () => {
      const { site, withStores } = await create();
      const directory = newDirectory();
      const second = withStores(directory, DATABASE);
      await second.begin(2);
      writeFiles(second.folder, { two: '2' });
      expect(await second.take()).toMatchObject({ number: 4 });
      expect(await second.count(PACKS)).toBe(1);
      expect(fs.readdirSync(directory.path)).toEqual([site.taskId]);
      const rows = await site.rows();
      expect(rows.map(({ needs }) => needs && JSON.parse(needs))).toEqual([
        null,
        null,
        ...Array(2).fill({
          stores: ['database', storeId(directory)],
          keys: [],
        }),
      ]);
      const [, added] = rows.map(({ packs }) => packs && JSON.parse(packs));
      expect(added).toEqual([expect.any(String)]);

      const tree = readTree(second.folder);
      // Also when it is moved on, and back.
      for (const order of [
        [newDirectory(), directory, DATABASE],
        [DATABASE, directory],
      ]) {
        const other = withStores(...order);
        await other.begin(4);
        expect(readTree(other.folder)).toEqual(tree);
      }
    });

    it('leaves the snapshots of the former one unreadable without it, which is no damage', async () => {
      const { site, withStores } = await create();
      const directory = newDirectory();
      const onlyNew = withStores(directory);
      await expect(onlyNew.begin(2)).rejects.toThrow(
        'Snapshot 2 cannot be read: its files are in the store database, which is not among scaffolder.recoverTasksWorkspaces.stores',
      );
      expect(await site.rows()).toHaveLength(2);
      await site.another().begin(2);
    });

    it('counts as missing for the plan, with the reason, unless the former one is configured as well', async () => {
      const { site, withStores, log } = await create();
      const directory = newDirectory();
      const second = withStores(directory, DATABASE);
      await second.begin(2);
      await log('two', 'processing');
      writeFiles(second.folder, { two: '2' });
      await second.take();
      const { knex, taskId } = site;
      const { events } = (await readTaskCourse(knex, taskId))!;
      const stores = [storeId(directory), 'database'];
      const files = (readable: string[]) => {
        const history = readHistory(events, { stores: readable, keys: [] });
        return [...history.files.values()].map(([f]) => f);
      };
      expect(files(stores)).toEqual([
        expect.objectContaining({ snapshot: 2, problem: undefined }),
        expect.objectContaining({ snapshot: 4, problem: undefined }),
      ]);
      expect(files(['database'])).toEqual([
        expect.objectContaining({ snapshot: 2 }),
        {
          snapshot: undefined,
          changed: true,
          problem: `its files are in the store ${storeId(directory)}, which is not among scaffolder.recoverTasksWorkspaces.stores`,
        },
      ]);
    });

    it('finds a pack in one store while another one cannot be reached', async () => {
      const { withStores } = await create();
      const directory = newDirectory();
      const second = withStores(directory, DATABASE);
      await second.begin(2);
      await second.take();
      fs.rmSync(directory.path, { recursive: true });
      const third = withStores(directory, DATABASE);
      await third.begin(4);
      expect(fs.readdirSync(third.folder)).toEqual(['one']);
      fs.mkdirSync(directory.path);
    });
  },
);
