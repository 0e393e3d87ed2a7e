import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { DbSnapshotRow, MANIFESTS, SNAPSHOTS } from '../../database/tables';
import { readTree } from '../../../dev/harness/steps/readTree';
import { removeSites, Site } from '../__testUtils__/Site';
import { eachPlace } from '../__testUtils__/testStores';
import { writeFiles } from '../__testUtils__/writeFiles';
import { EncryptionKeys } from '../encryption/EncryptionKeys';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const before = new EncryptionKeys([oldKey]);
const rotated = new EncryptionKeys([newKey, oldKey]);
const without = new EncryptionKeys([newKey]);

/** Words of files and their names that are nowhere to be found. */
const SECRETS = ['Quetzalcoatl', 'Xochimilco', 'Popocatepetl', 'Tenochtitlan'];

const plainPlaces = eachPlace(databases).filter(
  ([, { isEncrypted }]) => !isEncrypted,
);

describe.each(plainPlaces)('encrypted snapshots in %s', (_, place) => {
  /** The same task in another process, which has other keys. */
  function withKeys(site: Site, keys: EncryptionKeys): Site {
    return site.another({ stores: site.stores.withKeys(keys) });
  }

  /** A task with a snapshot, made with a key. */
  async function create(keys: EncryptionKeys) {
    const site = withKeys(await Site.create(databases, place), keys);
    await site.begin();
    writeFiles(site.folder, { file: 'F', other: randomBytes(1_500_000) });
    const { number } = await site.take();
    return { site, number, tree: readTree(site.folder) };
  }

  it('show nothing of the names and contents of files, in the store or in a table', async () => {
    const site = withKeys(await Site.create(databases, place), before);
    await site.begin();
    const [content, name, target, folder] = SECRETS;
    writeFiles(site.folder, {
      [name]: `${content} `.repeat(3),
      // Too random to be compressed, so that it is stored as it is.
      [`${folder}/binary`]: Buffer.concat([
        Buffer.from(content),
        randomBytes(1_200_000),
      ]),
    });
    fs.symlinkSync(target, `${site.folder}/link`);
    await site.take();
    fs.renameSync(`${site.folder}/${name}`, `${site.folder}/${name}2`);
    await site.take();
    const whole = await everyByte(site);
    expect(whole.length).toBeGreaterThan(1_200_000);
    // What is recorded of a damaged snapshot names no file either.
    const [pack] = await site.packs();
    await site.testStore.overwrite(site.taskId, pack, Buffer.from('damaged'));
    await expect(withKeys(site, before).begin(3)).rejects.toThrow();

    const stored = Buffer.concat([whole, await everyByte(site)]);
    for (const secret of SECRETS) {
      for (const encoding of ['utf8', 'hex', 'base64'] as const) {
        const found = Buffer.from(secret).toString(encoding);
        // Of base64, the end depends on what follows.
        expect(stored.includes(found.slice(0, 10))).toBe(false);
      }
    }
    // It would be found.
    const plain = withKeys(site, new EncryptionKeys([]));
    await plain.begin();
    writeFiles(plain.folder, {
      [name]: Buffer.concat([Buffer.from(content), randomBytes(5_000)]),
    });
    await plain.take();
    const readable = await everyByte(plain);
    expect([content, name].map(s => readable.includes(s))).toEqual([
      true,
      true,
    ]);
  });

  it('are read with any key that is configured, and those from before there was one as well', async () => {
    const { site, number, tree } = await create(new EncryptionKeys([]));
    for (const keys of [before, rotated]) {
      const next = withKeys(site, keys);
      await next.begin(number);
      expect(readTree(next.folder)).toEqual(tree);
    }
    const further = withKeys(site, before);
    await further.begin(number);
    writeFiles(further.folder, { more: 'M' });
    const second = await further.take();
    const last = withKeys(site, rotated);
    await last.begin(second.number);
    writeFiles(last.folder, { most: 'M' });
    const third = await last.take();
    const all = readTree(last.folder);
    const reader = withKeys(site, rotated);
    await reader.begin(third.number);
    expect(readTree(reader.folder)).toEqual(all);
    expect(neededKeys(second)).toEqual(before.ids);
    expect(neededKeys(third)).toEqual([before.ids[0], rotated.ids[0]]);
  });

  it('are not read without their key, which says which one, and are still there for who has it', async () => {
    const { site, number, tree } = await create(before);
    for (const keys of [without, new EncryptionKeys([])]) {
      await expect(withKeys(site, keys).begin(number)).rejects.toThrow(
        `its files are encrypted with the key ${before.ids[0]}, which is not among scaffolder.recoverTasksWorkspaces.encryptionKeys`,
      );
    }
    const next = withKeys(site, rotated);
    await next.begin(number);
    expect(readTree(next.folder)).toEqual(tree);
  });

  it('count as damaged if a pack or a manifest was changed, so that they are not tried again', async () => {
    const { site, number } = await create(before);
    const [pack, other] = await site.packs();
    const foreign = await site.stores.first.store.get(site.taskId, other);
    await site.testStore.overwrite(site.taskId, pack, Buffer.from(foreign!));
    await expect(withKeys(site, before).begin(number)).rejects.toThrow(
      /Pack \S+ is not what was encrypted with the key/,
    );
    const isMissing = async () => {
      const row = await site
        .knex<DbSnapshotRow>(SNAPSHOTS)
        .where({ task_id: site.taskId, number })
        .first();
      return row?.missing;
    };
    expect(await isMissing()).toMatch(/is not what was encrypted/);

    await site.knex(SNAPSHOTS).update({ missing: null });
    const [{ content }] = await site.knex(MANIFESTS).where({ number });
    content[content.length - 1] = content.at(-1) === 0 ? 1 : 0;
    await site.knex(MANIFESTS).where({ number }).update({ content });
    await expect(withKeys(site, before).begin(number)).rejects.toThrow(
      `Part 0 of the manifest of snapshot ${number} is not what was encrypted`,
    );
    expect(await isMissing()).toMatch(/is not what was encrypted/);
  });
});

function neededKeys({ needs }: DbSnapshotRow): string[] {
  return JSON.parse(needs!).keys;
}

/** All that is in the tables of this module, and in the store. */
async function everyByte(site: Site): Promise<Buffer> {
  const { knex, taskId } = site;
  const tables: string[] =
    knex.client.config.client === 'pg'
      ? await knex('pg_tables').pluck('tablename')
      : await knex('sqlite_master').where('type', 'table').pluck('name');
  const parts: Buffer[] = [];
  for (const table of tables.filter(t => t.startsWith('scaffolder_recovery'))) {
    for (const row of await knex(table)) {
      for (const value of Object.values(row)) {
        parts.push(Buffer.isBuffer(value) ? value : Buffer.from(String(value)));
      }
    }
  }
  for (const pack of await site.packs()) {
    parts.push(Buffer.from((await site.stores.first.store.get(taskId, pack))!));
  }
  return Buffer.concat(parts);
}
