import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes, randomUUID } from 'node:crypto';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { SNAPSHOTS, STORED } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { readTree } from '../../../dev/harness/steps/readTree';
import { Site, removeSites } from '../__testUtils__/Site';
import { storesInDatabase } from '../__testUtils__/storesInDatabase';
import { eachPlace } from '../__testUtils__/testStores';
import { writeFiles } from '../__testUtils__/writeFiles';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

/** Puts a pack into the store that no snapshot has, as a process that was killed between the two. */
async function addOrphan(site: Site): Promise<string> {
  const pack = randomUUID();
  await site.stores.first.store.put(site.taskId, pack, randomBytes(100));
  return pack;
}

async function takeFirst(site: Site): Promise<string[]> {
  await site.begin();
  writeFiles(site.folder, { file: randomBytes(1_500_000) });
  await site.take();
  return (await site.packs()).sort();
}

const setStatus = (site: Site, status: string) =>
  site.knex(TASKS).where('id', site.taskId).update({ status });

describe.each(eachPlace(databases))('packs in the %s', (_, place) => {
  it('that no snapshot has are deleted when a further run begins, and no others', async () => {
    const site = await Site.create(databases, place);
    const packs = await takeFirst(site);
    const tree = readTree(site.folder);
    await addOrphan(site);
    const next = site.another();
    await next.begin(2);
    expect((await site.packs()).sort()).toEqual(packs);
    expect(readTree(next.folder)).toEqual(tree);
  });

  it('that no snapshot has are deleted of a task that has ended and is kept, and not of one that runs', async () => {
    const site = await Site.create(databases, place);
    const packs = await takeFirst(site);
    const orphan = await addOrphan(site);
    await site.cleanStores();
    expect((await site.packs()).sort()).toEqual([...packs, orphan].sort());
    await setStatus(site, 'failed');
    await site.cleanStores();
    expect((await site.packs()).sort()).toEqual(packs);
    const retried = site.another();
    await setStatus(site, 'processing');
    await retried.begin(2);
    writeFiles(retried.folder, { more: 'm' });
    expect(await retried.take()).toMatchObject({ number: 4 });
    await site.another().begin(4);
  });

  it('are not deleted of a run that begins while they are looked through', async () => {
    const site = await Site.create(databases, place);
    await takeFirst(site);
    await setStatus(site, 'failed');
    const retried = site.another();
    let isRetried = false;
    const stores = site.storesWith(store => ({
      // The first question of the cleaner; what comes after it belongs to the new run.
      list: async taskId => {
        if (!isRetried) {
          isRetried = true;
          await setStatus(site, 'processing');
          await retried.begin(2);
          writeFiles(retried.folder, { more: randomBytes(1_500_000) });
          await retried.take();
          writeFiles(retried.folder, { late: 'l' });
        }
        return store.list(taskId);
      },
    }));
    await site.another({ stores }).cleanStores();
    expect(isRetried).toBe(true);
    await retried.take();
    const tree = readTree(retried.folder);
    const last = (await site.rows()).at(-1)!;
    expect(last).toMatchObject({ kind: 'files', missing: null });
    const other = site.another();
    await other.begin(last.number);
    expect(readTree(other.folder)).toEqual(tree);
  });

  it('of a stalled run are refused once the task has ended and was looked through, and none is left', async () => {
    const site = await Site.create(databases, place);
    const packs = await takeFirst(site);
    const stalled = site.another({
      stores: site.storesWith(store => ({
        put: async (...args) => {
          await store.put(...args);
          await setStatus(site, 'failed');
          await site.cleanStores();
        },
      })),
    });
    await stalled.begin(2);
    writeFiles(stalled.folder, { late: 'l' });
    await stalled.take();
    expect(stalled.warnings()).toEqual([
      expect.stringContaining('was not stored'),
    ]);
    expect((await site.packs()).sort()).toEqual(packs);
  });
});

describe.each(
  eachPlace(databases).filter(([, { store }]) => store !== 'database'),
)('what tasks leave in the %s', (_, place) => {
  it('is deleted when they are deleted, by whichever process comes first, and then forgotten', async () => {
    const site = await Site.create(databases, place);
    await takeFirst(site);
    await site.knex(TASKS).where('id', site.taskId).delete();
    const other = site.another();
    await Promise.all([site.cleanStores(), other.cleanStores()]);
    expect(await site.packs()).toEqual([]);
    // Not yet: something may still be written.
    await site.cleanStores();
    expect(await site.knex(STORED)).toHaveLength(1);
    await Promise.all([site.cleanStores(0), other.cleanStores(0)]);
    expect(await site.knex(STORED)).toEqual([]);
    expect([...site.warnings(), ...other.warnings()]).toEqual([]);
  });

  it('is deleted also if a stalled run writes after that, whatever it can still delete itself', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const stores = site.storesWith(store => ({
      put: async (...args) => {
        await site.snapshots.forget([site.taskId]);
        await site.cleanStores(0);
        await site.cleanStores(0);
        expect(await site.knex(STORED)).toEqual([]);
        await store.put(...args);
      },
      delete: async () => {
        throw new Error('It is away');
      },
    }));
    const stalled = site.another({ stores });
    await stalled.begin();
    writeFiles(stalled.folder, { file: 'F' });
    await stalled.take();
    expect(await site.packs()).toHaveLength(1);
    await site.cleanStores();
    expect(await site.packs()).toEqual([]);
  });

  it('is left alone while a run of theirs writes it, and of those whose files are kept', async () => {
    const site = await Site.create(databases, place);
    const packs = await takeFirst(site);
    await site.cleanStores(0);
    await setStatus(site, 'failed');
    await site.cleanStores(0);
    expect((await site.packs()).sort()).toEqual(packs);
    expect(await site.knex(STORED)).toHaveLength(1);
  });

  it('is left alone if a run begins between the question of what is there and the deletion', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    await site.knex(SNAPSHOTS).delete();
    const late = site.another();
    const stores = site.storesWith(store => ({
      list: async taskId => {
        await late.begin();
        writeFiles(late.folder, { file: 'F' });
        await late.take();
        return store.list(taskId);
      },
    }));
    await site.another({ stores }).cleanStores();
    expect(await site.packs()).toHaveLength(1);
    await site.another().begin(2);
  });

  it('is deleted once the store can be reached again, and no step or task fails for it', async () => {
    const site = await Site.create(databases, place);
    let isAway = false;
    const away = site.another({
      stores: site.storesWith(store => ({
        list: async taskId => {
          if (isAway) {
            throw new Error('It is away');
          }
          return store.list(taskId);
        },
      })),
    });
    await takeFirst(away);
    isAway = true;
    await away.snapshots.forget([site.taskId]);
    await away.cleanStores();
    expect(await site.packs()).not.toEqual([]);
    expect(away.warnings()).toEqual([
      expect.stringContaining('trying again later'),
    ]);
    isAway = false;
    await away.cleanStores();
    expect(await site.packs()).toEqual([]);
  });

  it('is remembered while the store is not configured, and reported once', async () => {
    const site = await Site.create(databases, place);
    const packs = await takeFirst(site);
    await site.snapshots.forget([]);
    await site.knex(TASKS).delete();
    const without = site.another({ stores: storesInDatabase(site.knex) });
    await without.cleanStores(0);
    expect(without.warnings()).toEqual([
      `The files of 1 tasks that need none any more are left in the store ${site.stores.first.id}, which is not among scaffolder.recoverTasksWorkspaces.stores. Add it until they are deleted, or delete them yourself.`,
    ]);
    expect((await site.packs()).sort()).toEqual(packs);
    await site.cleanStores();
    expect(await site.packs()).toEqual([]);
  });

  it('of another installation in the same place is left alone', async () => {
    const site = await Site.create(databases, place);
    await takeFirst(site);
    const foreign = randomUUID();
    await site.stores.first.store.put(foreign, randomUUID(), randomBytes(9));
    await site.snapshots.forget([site.taskId]);
    await site.cleanStores(0);
    await site.cleanStores(0);
    expect(await site.stores.first.store.list(foreign)).toHaveLength(1);
  });
});
