import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes } from 'node:crypto';
import {
  insertTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { MANIFESTS, SNAPSHOTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { removeSites, Site } from '../__testUtils__/Site';
import { eachPlace } from '../__testUtils__/testStores';
import { readTree } from '../../../dev/harness/steps/readTree';
import { writeFiles } from '../__testUtils__/writeFiles';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

describe.each(eachPlace(databases))(
  'snapshots of several runs, in the %s',
  (_, place) => {
    it('are refused of a run after a newer one has begun, and leave nothing in the store', async () => {
      const site = await Site.create(databases, place);
      await site.begin();
      writeFiles(site.folder, { one: '1' });
      await site.take();
      const packs = await site.packs();

      const newer = site.another();
      await newer.begin(2);
      writeFiles(site.folder, { stale: randomBytes(3_000_000) });
      await site.take();
      await site.take();
      expect(await site.packs()).toEqual(packs);
      expect(site.warnings()).toEqual([
        expect.stringMatching(/was not stored: .* has lost ownership/),
      ]);

      writeFiles(newer.folder, { two: '2' });
      expect(await newer.take()).toMatchObject({ number: 4, epoch: 2 });
      const tree = readTree(newer.folder);
      await site.begin(4);
      expect(readTree(site.folder)).toEqual(tree);
    });

    it('have one owner, however many begin and store at once', async () => {
      const first = await Site.create(databases, place);
      const all = [first, first.another(), first.another(), first.another()];
      await Promise.all(all.map(site => site.begin()));
      all.forEach((site, i) => writeFiles(site.folder, { file: `of ${i}` }));
      await Promise.all(all.map(site => site.take()));
      const rows = await first.rows();
      expect(rows.map(r => [r.number, r.kind, r.epoch])).toEqual([
        [1, 'begin', 1],
        [2, 'begin', 2],
        [3, 'begin', 3],
        [4, 'begin', 4],
        [5, 'files', 4],
      ]);
      expect(await first.packs()).toHaveLength(1);
    });

    it('are not taken of a run that this process did not begin', async () => {
      const site = await Site.create(databases, place);
      const { taskId, folder } = site;
      await site.snapshots.take({ taskId, path: folder });
      await site.begin();
      await site.snapshots.take({ taskId, path: `${folder}/elsewhere` });
      expect(await site.rows()).toHaveLength(1);
    });

    it('leave nothing of a forgotten task, also not by what is stored of it at that moment', async () => {
      const site = await Site.create(databases, place);
      const other = await insertTask(site.knex);
      const { taskId, folder, snapshots } = site;
      await site.begin();
      writeFiles(folder, { file: randomBytes(2_000_000) });
      await site.take();
      writeFiles(folder, { more: randomBytes(2_000_000) });
      await Promise.all([
        snapshots.take({ taskId, path: folder }),
        snapshots.forget([taskId, other]),
      ]);
      await site.take();
      for (const table of [SNAPSHOTS, MANIFESTS]) {
        expect(await site.count(table)).toBe(0);
      }
      expect(await site.packs()).toEqual([]);
    });

    it('leave nothing when another process forgets the task while a snapshot is stored', async () => {
      const site = await Site.create(databases, place);
      const other = site.another();
      const late = site.another({
        stores: site.storesWith(store => ({
          put: async (...args) => {
            await store.put(...args);
            await other.snapshots.forget([site.taskId]);
            await store.put(...args);
          },
        })),
      });
      await late.begin();
      writeFiles(late.folder, { file: 'x' });
      await late.take();
      for (const table of [SNAPSHOTS, MANIFESTS]) {
        expect(await site.count(table)).toBe(0);
      }
      expect(await site.packs()).toEqual([]);
    });

    it('go with their task when it is deleted, and fail nothing that still runs', async () => {
      const site = await Site.create(databases, place);
      await site.begin();
      writeFiles(site.folder, { file: 'x' });
      await site.take();
      await site.knex(TASKS).where('id', site.taskId).delete();
      writeFiles(site.folder, { file: 'y' });
      await site.take();
      await site.cleanStores();
      for (const table of [SNAPSHOTS, MANIFESTS]) {
        expect(await site.count(table)).toBe(0);
      }
      expect(await site.packs()).toEqual([]);
      expect(site.warnings()).toHaveLength(1);
    });
  },
);
