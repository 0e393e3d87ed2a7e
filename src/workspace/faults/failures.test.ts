import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import {
  insertEvent,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { readTaskCourse } from '../../database/operations/tasks/readTaskCourse';
import { MANIFESTS, PACKS, SNAPSHOTS } from '../../database/tables';
import { isSqlite } from '../../database/time';
import { readHistory } from '../../decision/plan/history';
import { StoreError } from '../errors';
import { EngineThread } from '../thread/EngineThread';
import { removeSites, Site } from '../__testUtils__/Site';
import { eachPlace } from '../__testUtils__/testStores';
import { readTree } from '../../../dev/harness/steps/readTree';
import { writeFiles } from '../__testUtils__/writeFiles';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

const NOT_STORED = expect.stringContaining('could not be stored');

/** Lets no row into a table, until what it returns is called. */
async function refuseRows(knex: Knex, table: string) {
  if (isSqlite(knex)) {
    await knex.raw(
      `create trigger refused before insert on ${table} begin select raise(abort, 'refused'); end`,
    );
    return () => knex.raw('drop trigger refused');
  }
  await knex.raw(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`,
  );
  await knex.raw(
    `create trigger refused before insert on ${table} execute function refuse()`,
  );
  return () => knex.raw(`drop function refuse cascade`);
}

describe.each(eachPlace(databases))(
  'snapshots when something fails, in the %s',
  (_, place) => {
    it.each([
      ...(place.store === 'database' ? [PACKS] : []),
      SNAPSHOTS,
      MANIFESTS,
    ])(
      'lack one that could not be written to %s, say so once, and go on with the next',
      async table => {
        const site = await Site.create(databases, place);
        await site.begin();
        writeFiles(site.folder, { kept: 'K', lost: randomBytes(1_500_000) });
        await site.take();
        const packs = await site.packs();
        const manifests = await site.count(MANIFESTS);

        const accept = await refuseRows(site.knex, table);
        writeFiles(site.folder, { new: randomBytes(1_500_000) });
        fs.rmSync(`${site.folder}/lost`);
        await site.take();
        await site.take();
        const [, , ...added] = await site.rows();
        expect(added.map(({ missing }) => missing)).toEqual(
          table === SNAPSHOTS ? [] : [NOT_STORED, NOT_STORED],
        );
        expect(await site.packs()).toEqual(packs);
        expect(await site.count(MANIFESTS)).toBe(manifests);
        expect(site.warnings()).toEqual([
          expect.stringMatching(/^Could not store the workspace of task/),
        ]);

        await accept();
        const row = await site.take();
        const base = 2 + added.length;
        expect(row).toMatchObject({ number: base + 1, base, missing: null });
        expect(Boolean(row.changed)).toBe(true);
        const tree = readTree(site.folder);
        await site.begin(row.number);
        expect(readTree(site.folder)).toEqual(tree);
      },
    );

    it('count as missing at the end of a step whose checkpoint was the last that the store took, and are not stored twice for it', async () => {
      const first = await Site.create(databases, place);
      let isAway = false;
      const site = first.another({
        stores: first.storesWith(store => ({
          put: async (...args) => {
            if (isAway) {
              throw new StoreError('The store is away');
            }
            await store.put(...args);
          },
        })),
      });
      const { knex, taskId, folder } = site;
      const log = (stepId: string, status: string) =>
        insertEvent(knex, taskId, 'log', { message: '', stepId, status });
      const filesOf = async (stepId: string) => {
        const { events } = (await readTaskCourse(knex, taskId))!;
        return readHistory(events, 'all').files.get(stepId);
      };
      await site.begin();
      await log('a', 'processing');
      writeFiles(folder, { atCheckpoint: randomBytes(1_500_000) });
      const { packs } = await site.take();
      isAway = true;
      writeFiles(folder, { atEnd: 'E' });
      await site.take();
      await log('a', 'completed');
      expect(await filesOf('a')).toEqual([
        { changed: true, problem: NOT_STORED },
      ]);
      expect((await site.packs()).sort()).toEqual(JSON.parse(packs!).sort());

      isAway = false;
      await log('b', 'processing');
      const row = await site.take();
      await log('b', 'completed');
      expect(await filesOf('b')).toEqual([
        { snapshot: row.number, changed: true },
      ]);
      expect(Number(row.stored_bytes)).toBeLessThan(10_000);
      const next = first.another();
      await next.begin(row.number);
      expect(readTree(next.folder)).toEqual(readTree(folder));
    });

    it('are not made of a first run whose begin cannot be recorded, which goes on without a wait', async () => {
      const site = await Site.create(databases, place, {
        retryForMs: 100,
      });
      const accept = await refuseRows(site.knex, SNAPSHOTS);
      writeFiles(site.folder, { left: 'by somebody' });
      await site.begin();
      expect(fs.readdirSync(site.folder)).toEqual([]);
      const { taskId, folder } = site;
      writeFiles(folder, { file: 'F' });
      await site.snapshots.take({ taskId, path: folder });
      expect(site.warnings()).toEqual([
        expect.stringMatching(/^No snapshots are made of task .* in this run/),
      ]);

      // Also once it could be recorded: nobody could tell which files its steps had found.
      await accept();
      await site.snapshots.take({ taskId, path: folder });
      expect(site.warnings()).toHaveLength(1);
      expect(await site.rows()).toEqual([]);
      expect(await site.packs()).toEqual([]);

      await site.begin();
      writeFiles(folder, { file: 'F' });
      expect(await site.take()).toMatchObject({ number: 2, epoch: 1 });
    });

    it('are not made of a first run if their thread does not run, unless something is left in its folder', async () => {
      const site = await Site.create(databases, place, { retryForMs: 2_000 });
      const call = jest
        .spyOn(EngineThread.prototype, 'call')
        .mockRejectedValue(new Error('no more threads'));
      await site.begin();
      expect(site.warnings().at(-1)).toMatch(
        /^No snapshots are made of task .* since the thread for workspaces does not run/,
      );
      expect(site.snapshots.hasBegun(site.taskId)).toBe(false);

      const other = await Site.create(databases, place, { retryForMs: 2_000 });
      writeFiles(other.folder, { left: 'by somebody' });
      await expect(other.begin()).rejects.toThrow('no more threads');
      call.mockRestore();
    });

    it('do not let a run begin unrecorded whose files could be taken for those of an earlier run', async () => {
      const earlier = await Site.create(databases, place);
      await earlier.begin();
      writeFiles(earlier.folder, { file: 'F' });
      await earlier.take();
      const site = earlier.another({ retryForMs: 100 });
      await refuseRows(site.knex, SNAPSHOTS);
      for (const from of [undefined, 2]) {
        await expect(site.begin(from)).rejects.toThrow(
          /Could not begin the run of task .*refused.* the task can be retried/,
        );
      }
      expect(await site.rows()).toHaveLength(2);
    });

    it('do not hide that the folder of a run cannot be written when its begin cannot be recorded either', async () => {
      const site = await Site.create(databases, place);
      await refuseRows(site.knex, SNAPSHOTS);
      fs.rmSync(site.folder, { recursive: true });
      fs.writeFileSync(site.folder, 'no folder');
      await expect(site.begin()).rejects.toThrow('is a link or a file');
    });

    it('are whole or not there when the process ends at any pack', async () => {
      const first = await Site.create(databases, place);
      await first.begin();
      writeFiles(first.folder, { before: 'B' });
      await first.take();
      const before = readTree(first.folder);
      for (const last of [1, 2, 3]) {
        let puts = 0;
        const ending = { stop: async () => {} };
        const stores = first.storesWith(store => ({
          put: async (...args) => {
            puts += 1;
            if (puts === last) {
              await ending.stop();
              throw new Error('The process ended');
            }
            await store.put(...args);
          },
        }));
        const dying = first.another({ stores });
        ending.stop = () => dying.snapshots.stop();
        await dying.begin(2);
        writeFiles(dying.folder, { big: randomBytes(4_000_000) });
        await dying.take();
        expect(puts).toBeGreaterThanOrEqual(last);
        const next = first.another();
        await next.begin(2);
        expect(readTree(next.folder)).toEqual(before);
      }
      const rows = await first.rows();
      const stored = rows.filter(r => r.kind === 'files' && !r.missing);
      expect(stored).toHaveLength(1);
    });

    it.each([true, false])(
      'go on when the connection was lost with the commit, if it was done: %s',
      async isDone => {
        const first = await Site.create(databases, place);
        let isLosing = false;
        const knex = new Proxy(first.knex, {
          get(target: any, name) {
            if (name !== 'transaction' || !isLosing) {
              return target[name];
            }
            return async (action: (tx: Knex.Transaction) => unknown) => {
              const tx = await target.transaction();
              await action(tx);
              await (isDone ? tx.commit() : tx.rollback());
              isLosing = false;
              throw new Error('Connection terminated unexpectedly');
            };
          },
        });
        const site = first.another({ knex });
        await site.begin();
        writeFiles(site.folder, { one: '1' });
        isLosing = true;
        expect(await site.take()).toMatchObject({ number: 2, base: 1 });
        expect(isLosing).toBe(false);
        writeFiles(site.folder, { two: '2' });
        expect(await site.take()).toMatchObject({ number: 3, base: 2 });
        // Of what was not recorded, nothing is left.
        expect(await site.packs()).toHaveLength(2);
        const tree = readTree(site.folder);
        await site.begin(3);
        expect(readTree(site.folder)).toEqual(tree);
        await site.begin(2);
        expect(fs.readdirSync(site.folder)).toEqual(['one']);
      },
    );

    it('build on what is recorded when that came late, and the answer to the next one was lost as well', async () => {
      const first = await Site.create(databases, place);
      const late: [string, object[]][] = [];
      let transactions = 0;
      const knex = new Proxy(first.knex, {
        get(target: any, name) {
          transactions += name === 'transaction' ? 1 : 0;
          if (name !== 'transaction' || transactions > 2) {
            return target[name];
          }
          return async (action: (tx: Knex.Transaction) => unknown) => {
            for (const [table, rows] of late.splice(0)) {
              await target(table).insert(rows);
            }
            const tx = await target.transaction();
            await action(tx);
            if (transactions === 1) {
              // The server is still at it.
              for (const table of [SNAPSHOTS, MANIFESTS]) {
                late.push([table, await tx(table).where('number', 2)]);
              }
              await tx.rollback();
            } else {
              await tx.commit();
            }
            throw new Error('Connection terminated unexpectedly');
          };
        },
      });
      const site = first.another({ knex });
      await site.begin();
      writeFiles(site.folder, { one: '1' });
      const recorded = await site.take();
      expect(transactions).toBe(2);
      expect(recorded).toMatchObject({ number: 2, base: 1 });
      expect(await site.packs()).toEqual(JSON.parse(recorded.packs!));

      // Its content is looked up in what is known to be stored.
      fs.copyFileSync(`${site.folder}/one`, `${site.folder}/two`);
      expect(await site.take()).toMatchObject({ number: 3, base: 2 });
      const next = first.another();
      await next.begin(3);
      expect(readTree(next.folder)).toEqual(readTree(site.folder));
    });

    it('are made once the store can be reached again', async () => {
      let failures = 2;
      const site = await Site.create(databases, place);
      const patient = site.another({
        stores: site.storesWith(store => ({
          put: async (...args) => {
            failures -= 1;
            if (failures >= 0) {
              throw new Error('Connection terminated unexpectedly');
            }
            await store.put(...args);
          },
        })),
      });
      await patient.begin();
      writeFiles(patient.folder, { file: 'F' });
      expect(await patient.take()).toMatchObject({ kind: 'files', files: 1 });
      expect(failures).toBe(-1);
      expect(await patient.packs()).toHaveLength(1);
      expect(patient.warnings()).toEqual([]);
    });

    it('begin once the store can be reached again', async () => {
      const first = await Site.create(databases, place);
      await first.begin();
      writeFiles(first.folder, { file: 'F' });
      await first.take();
      let failures = 2;
      const site = first.another({
        stores: first.storesWith(store => ({
          get: async (...args) => {
            failures -= 1;
            if (failures >= 0) {
              throw new Error('connect ECONNREFUSED');
            }
            return store.get(...args);
          },
        })),
      });
      await site.begin(2);
      expect(readTree(site.folder)).toEqual(readTree(first.folder));
      // One row, however many tries.
      expect(await site.rows()).toHaveLength(3);
      expect(site.warnings()).toHaveLength(2);
    });

    it('do not begin when the store cannot be reached for too long', async () => {
      const first = await Site.create(databases, place);
      await first.begin();
      writeFiles(first.folder, { file: 'F' });
      await first.take();
      const site = first.another({
        retryForMs: 100,
        stores: first.storesWith(() => ({
          get: async () => {
            throw new Error('connect ECONNREFUSED');
          },
        })),
      });
      await expect(site.begin(2)).rejects.toThrow(
        /Could not begin the run of task .* with the workspace as of snapshot 2, tried \d times\. connect ECONNREFUSED\. Nothing has run/,
      );
    });

    it('do not begin with content that is damaged, gone or was never stored', async () => {
      const site = await Site.create(databases, place, {
        limits: { maxBytes: 10, maxFiles: 10 },
      });
      await site.begin();
      writeFiles(site.folder, { file: 'small' });
      await site.take();
      writeFiles(site.folder, { file: 'more than is stored' });
      const row = await site.take();
      expect(row).toMatchObject({ number: 3, files: 1 });
      expect(row.missing).toMatch(/^The files have/);
      expect(site.warnings()).toHaveLength(1);
      await expect(site.another().begin(3)).rejects.toThrow(
        /Snapshot 3 has no content: The files have/,
      );
      await expect(site.another().begin(9)).rejects.toThrow(
        /Snapshot 9 is not in the database/,
      );
      const [pack] = await site.packs();
      const { taskId, testStore } = site;
      await testStore.overwrite(taskId, pack, Buffer.from([1, 2, 3]));
      await expect(site.another().begin(2)).rejects.toThrow(
        `Pack ${pack} is not what was stored`,
      );
      // So a retry is planned without it.
      expect(
        await site.knex(SNAPSHOTS).where({ number: 2, kind: 'files' }),
      ).toMatchObject([
        { missing: expect.stringContaining('is not what was stored') },
      ]);
    });

    it('are not given up for a folder that cannot be written', async () => {
      const site = await Site.create(databases, place);
      await site.begin();
      writeFiles(site.folder, { file: 'F' });
      await site.take();
      fs.rmSync(site.folder, { recursive: true });
      fs.writeFileSync(site.folder, 'no folder');
      await expect(site.begin(2)).rejects.toThrow('is a link or a file');
      fs.rmSync(site.folder);
      await site.begin(2);
      expect(fs.readdirSync(site.folder)).toEqual(['file']);
    });

    it('fail nothing where the tables are missing', async () => {
      const site = await Site.create(databases, place);
      await site.begin();
      await site.knex.schema.dropTable(MANIFESTS);
      await site.knex.schema.dropTable(PACKS);
      await site.knex.schema.renameTable(SNAPSHOTS, 'elsewhere');
      const { taskId, folder } = site;
      writeFiles(folder, { file: 'F' });
      await site.snapshots.take({ taskId, path: folder });
      await site.snapshots.take({ taskId, path: folder });
      expect(site.warnings()).toHaveLength(1);
    });
  },
);
