import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import {
  insertEvent,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { MANIFESTS } from '../../database/tables';
import { removeSites, Site } from '../__testUtils__/Site';
import { eachPlace } from '../__testUtils__/testStores';
import { readTree } from '../../../dev/harness/steps/readTree';
import { writeFiles } from '../__testUtils__/writeFiles';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

describe.each(eachPlace(databases))('snapshots in the %s', (_name, place) => {
  /** Restores a snapshot in another process and returns what is there. */
  async function restore(site: Site, number: number) {
    const other = site.another();
    await other.begin(number);
    return readTree(other.folder);
  }

  it('bring back bytes, modes, times, links and empty folders', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const { folder } = site;
    writeFiles(folder, {
      'README.md': 'Hello',
      'empty.txt': '',
      'bin/run.sh': '#!/bin/sh',
      'deep/er/and/deeper/file': 'x'.repeat(1000),
      'random.bin': randomBytes(3_000_000),
      'lines.txt': 'the same line\n'.repeat(200_000),
      'ä ö/ü ✓.txt': 'Unicode',
    });
    fs.mkdirSync(`${folder}/empty/er`, { recursive: true });
    fs.chmodSync(`${folder}/bin/run.sh`, 0o755);
    fs.chmodSync(`${folder}/README.md`, 0o440);
    fs.utimesSync(`${folder}/README.md`, 1_000_000_000.25, 1_000_000_000.25);
    fs.utimesSync(`${folder}/bin`, 1_100_000_000, 1_100_000_000);
    fs.symlinkSync('../README.md', `${folder}/bin/link`);
    fs.lutimesSync(`${folder}/bin/link`, 1_200_000_000, 1_200_000_000);
    fs.utimesSync(`${folder}/bin`, 1_100_000_000, 1_100_000_000);

    const row = await site.take();
    expect(row).toMatchObject({
      number: 2,
      kind: 'files',
      epoch: 1,
      base: 1,
      files: 8,
      missing: null,
    });
    const tree = readTree(folder);
    expect(Object.keys(tree)).toHaveLength(16);
    expect(await restore(site, 2)).toEqual(tree);
  });

  it('bring back each of many steps, whichever of them a run begins with', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const { folder } = site;
    const trees = new Map<number, Record<string, string>>();
    // More steps than manifests are ever put together.
    for (let step = 0; step < 40; step++) {
      writeFiles(folder, { [`step-${step % 7}.txt`]: `${step}` });
      fs.rmSync(`${folder}/step-${(step + 3) % 7}.txt`, { force: true });
      trees.set((await site.take()).number, readTree(folder));
    }
    for (const number of [2, 10, 17, 18, 19, 35, 41]) {
      expect(await restore(site, number)).toEqual(trees.get(number));
    }
  });

  it('bring back nested repositories, a renamed folder and what was deleted', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const { folder } = site;
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`app/src/${i}.ts`, `code ${i}`]),
    );
    writeFiles(folder, {
      ...files,
      '.git/HEAD': 'ref: refs/heads/main',
      'app/.git/HEAD': 'ref: refs/heads/other',
      'app/.git/objects/ab/cdef': randomBytes(500),
      'gone/one': '1',
      'gone/two': '2',
    });
    fs.mkdirSync(`${folder}/app/.git/refs/tags`, { recursive: true });
    const first = await site.take();
    const before = readTree(folder);

    fs.renameSync(`${folder}/app`, `${folder}/renamed`);
    fs.rmSync(`${folder}/gone`, { recursive: true });
    const second = await site.take();
    expect(second).toMatchObject({ files: 53 });
    expect(Boolean(second.changed)).toBe(true);
    expect(await site.packs()).toHaveLength(1);
    expect(await restore(site, second.number)).toEqual(readTree(folder));
    expect(await restore(site, first.number)).toEqual(before);
  });

  it('tell whether anything but times has changed, and bring the times back as well', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const { folder } = site;
    const changed = async () => Boolean((await site.take()).changed);
    expect(await changed()).toBe(false);
    writeFiles(folder, { 'a.txt': 'A', 'b/c.txt': 'C' });
    expect(await changed()).toBe(true);
    expect(await changed()).toBe(false);

    fs.utimesSync(`${folder}/a.txt`, 1_000_000_000, 1_000_000_000);
    expect(await changed()).toBe(false);
    const times = (await site.rows()).length;
    const tree = readTree(folder);
    writeFiles(folder, { 'a.txt': 'A' });
    expect(await changed()).toBe(false);

    fs.chmodSync(`${folder}/a.txt`, 0o600);
    expect(await changed()).toBe(true);
    fs.symlinkSync('a.txt', `${folder}/link`);
    expect(await changed()).toBe(true);
    fs.rmSync(`${folder}/link`);
    fs.symlinkSync('b', `${folder}/link`);
    expect(await changed()).toBe(true);
    fs.mkdirSync(`${folder}/empty`);
    expect(await changed()).toBe(true);
    fs.rmdirSync(`${folder}/empty`);
    expect(await changed()).toBe(true);
    fs.rmSync(`${folder}/b`, { recursive: true });
    expect(await changed()).toBe(true);
    expect(await changed()).toBe(false);
    expect(await restore(site, times)).toEqual(tree);
  });

  it('store nothing for a step that changed nothing, and can restore it', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    writeFiles(site.folder, { 'a.txt': 'A' });
    await site.take();
    const manifests = await site.count(MANIFESTS);
    const row = await site.take();
    expect(row).toMatchObject({ number: 3, base: 2, files: 1, missing: null });
    expect([Number(row.bytes), Number(row.stored_bytes)]).toEqual([1, 0]);
    expect(await site.count(MANIFESTS)).toBe(manifests);
    expect(await restore(site, 3)).toEqual(readTree(site.folder));
  });

  it('store only the pieces of a large file that have changed, and equal content once', async () => {
    const site = await Site.create(databases, place);
    await site.begin();
    const content = randomBytes(5_000_000);
    writeFiles(site.folder, { one: content, 'copy/of/one': content });
    const first = await site.take();
    expect(Number(first.stored_bytes)).toBeLessThan(5_100_000);
    fs.appendFileSync(`${site.folder}/one`, 'more');
    const second = await site.take();
    expect(Number(second.stored_bytes)).toBeLessThan(600_000);
    expect(await restore(site, 3)).toEqual(readTree(site.folder));
    const sizes: number[] = [];
    for (const pack of await site.packs()) {
      const stored = await site.stores.first.store.get(site.taskId, pack);
      sizes.push(stored!.length);
    }
    expect(Math.max(...sizes)).toBeLessThan(1_100_000);
  });

  it('begin a run with the files of a snapshot and nothing else, and go on from there', async () => {
    const site = await Site.create(databases, place);
    await insertEvent(site.knex, site.taskId, 'log', { message: 'one' });
    await site.begin();
    writeFiles(site.folder, { 'a.txt': 'A' });
    await site.take();
    const tree = readTree(site.folder);
    writeFiles(site.folder, { 'b.txt': 'B' });
    await site.take();

    writeFiles(site.folder, { 'left/behind': 'by a killed run' });
    fs.chmodSync(`${site.folder}/left`, 0o500);
    await site.begin(2);
    expect(readTree(site.folder)).toEqual(tree);
    const unchanged = await site.take();
    expect(Boolean(unchanged.changed)).toBe(false);
    writeFiles(site.folder, { 'c.txt': 'C' });
    const row = await site.take();
    expect(Boolean(row.changed)).toBe(true);
    expect(await restore(site, row.number)).toEqual(readTree(site.folder));

    const rows = await site.rows();
    expect(rows.map(r => [r.number, r.kind, r.epoch, r.base])).toEqual([
      [1, 'begin', 1, null],
      [2, 'files', 1, 1],
      [3, 'files', 1, 2],
      [4, 'begin', 2, 2],
      [5, 'files', 2, 4],
      [6, 'files', 2, 5],
      [7, 'begin', 3, 6],
    ]);
    expect(rows[3]).toMatchObject({ attempt: 1, changed: null, files: 1 });
    expect(Number(rows[0].last_event)).toBeGreaterThan(0);
    expect(await restore(site, 4)).toEqual(tree);
    expect(await restore(site, 1)).toEqual({});
  });

  it('begin empty where nothing is to be restored', async () => {
    const site = await Site.create(databases, place);
    writeFiles(site.folder, { 'left/behind': 'by a killed run' });
    await site.begin();
    expect(readTree(site.folder)).toEqual({});
  });
});
