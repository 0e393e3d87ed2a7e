import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EngineSite, removeEngineSites } from '../../__testUtils__/EngineSite';
import { readTree } from '../../../../dev/harness/steps/readTree';
import { writeFiles } from '../../__testUtils__/writeFiles';
import { Entries, Entry } from '../tree/entries';
import { encodeManifest } from '../manifest/manifestFormat';

jest.setTimeout(60_000);

let outside: string;

beforeEach(() => {
  outside = fs.mkdtempSync(path.join(os.tmpdir(), 'outside-'));
});
afterEach(() => {
  removeEngineSites();
  fs.rmSync(outside, { recursive: true, force: true });
});

/** A site whose snapshot 2 has these entries, whoever made it. */
async function siteWith(...entries: [string, Partial<Entry>][]) {
  const site = new EngineSite();
  await site.begin();
  writeFiles(site.folder, { file: 'content' });
  const { number } = await site.take();
  const full: Entries = new Map();
  for (const [name, entry] of entries) {
    full.set(name, { mtime: 0n, mode: 0o600, pieces: [], ...entry } as Entry);
  }
  const manifest = encodeManifest({ isFull: true, removed: [], entries: full });
  site.snapshots.set(number, { manifest });
  return site;
}

describe('a restore', () => {
  it.each([
    '../escaped',
    'a/../../escaped',
    '/escaped',
    'a//b',
    './a',
    'a/.',
    '',
    'nul\0byte',
  ])('refuses a manifest with the path %j, and writes nothing', async name => {
    const site = await siteWith(
      ['a', { kind: 'folder' }],
      [name, { kind: 'file' }],
    );
    await expect(site.begin(2)).rejects.toThrow(/is not in the workspace/);
    expect(fs.existsSync(path.join(site.folder, '../escaped'))).toBe(false);
  });

  it('writes nothing through a link of the same snapshot', async () => {
    const site = await siteWith(
      ['link', { kind: 'link', target: outside }],
      ['link/file', { kind: 'file' }],
    );
    await expect(site.begin(2)).rejects.toThrow(/no folder for it/);
    expect(fs.readdirSync(outside)).toEqual([]);
  });

  it('refuses a workspace that is a link itself', async () => {
    const site = new EngineSite();
    fs.rmdirSync(site.folder);
    fs.symlinkSync(outside, site.folder);
    writeFiles(outside, { precious: 'x' });
    await expect(site.begin()).rejects.toThrow(/is a link/);
    expect(fs.readdirSync(outside)).toEqual(['precious']);
  });

  it('brings back links that lead out, are absolute, dangle or go in circles, and follows none', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(outside, { precious: 'x' });
    const links = {
      absolute: outside,
      dangling: 'nowhere',
      out: '../../..',
      one: 'two',
      two: 'one',
      self: '.',
    };
    for (const [name, target] of Object.entries(links)) {
      fs.symlinkSync(target, `${site.folder}/${name}`);
    }
    const { files, number } = await site.take();
    expect(files).toBe(6);
    const tree = readTree(site.folder);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
    await site.begin();
    expect(fs.readdirSync(outside)).toEqual(['precious']);
  });

  it('brings back read-only folders, files without any permission and special bits, and can delete them', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(site.folder, { 'locked/in/file': 'x', nobody: 'y', sticky: '' });
    fs.chmodSync(`${site.folder}/nobody`, 0o000);
    fs.chmodSync(`${site.folder}/sticky`, 0o2755);
    fs.chmodSync(`${site.folder}/locked/in`, 0o555);
    fs.chmodSync(`${site.folder}/locked`, 0o000);
    const { number } = await site.take();
    const tree = readTree(site.folder);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
    await site.begin();
    expect(fs.readdirSync(site.folder)).toEqual([]);
  });

  it('finds by its hash that a pack has other content', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(site.folder, { file: randomBytes(2_000) });
    const { number } = await site.take();
    const [[pack, content]] = site.packs;
    content[1_000] += 1;
    await expect(site.begin(number)).rejects.toThrow(
      `The content of a file is not what was stored: pack ${pack} has other bytes at 0`,
    );
    site.packs.set(pack, content.slice(0, 100));
    await expect(site.begin(number)).rejects.toThrow(/is not what was stored/);
    site.packs.set(pack, new Uint8Array([1, 2, 3]));
    await expect(site.begin(number)).rejects.toThrow(
      `Pack ${pack} is not what was stored`,
    );
    site.packs.delete(pack);
    await expect(site.begin(number)).rejects.toThrow(
      `Pack ${pack} is not in the store`,
    );
  });

  it.each(['openSync', 'mkdirSync', 'symlinkSync', 'unlinkSync'])(
    'says what the file system said to %s, without a path of this host',
    async name => {
      const site = new EngineSite();
      await site.begin();
      writeFiles(site.folder, { 'folder/file': 'content' });
      fs.symlinkSync('folder', `${site.folder}/link`);
      const { number } = await site.take();
      Object.assign(site.fs, {
        [name]: (...args: any[]) => {
          // The second argument of `symlink` is where it is made.
          args[name === 'symlinkSync' ? 1 : 0] += '/nowhere/else';
          return (fs as any)[name](...args);
        },
      });
      await expect(site.begin(number)).rejects.toMatchObject({
        name: 'FolderError',
        message: expect.stringMatching(
          /^The file system said: (ENOENT: no such file|ENOTDIR: not a) (or )?directory$/,
        ),
      });
    },
  );

  it.each([
    ['of another version', (m: Buffer) => m.fill(99, 0, 1), /has version 99/],
    ['that is cut off', (m: Buffer) => m.subarray(0, -5), /cannot be read/],
    ['that is empty', () => Buffer.alloc(0), /has version undefined/],
    [
      'that builds on nothing',
      (m: Buffer) => m.fill(0, 1, 2),
      /do not begin with a full one/,
    ],
  ])('refuses a manifest %s', async (_, damage, message) => {
    const site = await siteWith(['file', { kind: 'file' }]);
    const { manifest } = site.snapshots.get(2)!;
    site.snapshots.set(2, { manifest: damage(manifest!) });
    await expect(site.begin(2)).rejects.toThrow(message);
  });

  it('begins anew after it ended at any point', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(site.folder, {
      'a/b/c': 'C',
      large: randomBytes(1_500_000),
      'empty/file': '',
    });
    fs.symlinkSync('a', `${site.folder}/link`);
    fs.chmodSync(`${site.folder}/a`, 0o555);
    const { number } = await site.take();
    const tree = readTree(site.folder);

    const CHANGING = [
      ...['mkdirSync', 'openSync', 'writeSync', 'fchmodSync', 'futimesSync'],
      ...['symlinkSync', 'lutimesSync', 'chmodSync', 'utimesSync'],
      ...['unlinkSync', 'rmdirSync'],
    ] as const;
    const budget = { left: Infinity };
    const spend = (name: string, args: unknown[]) => {
      budget.left -= 1;
      if (budget.left < 0) {
        throw new Error('The process ended');
      }
      return (fs as any)[name](...args);
    };
    for (const name of CHANGING) {
      Object.assign(site.fs, {
        [name]: (...args: unknown[]) => spend(name, args),
      });
    }
    let points = 0;
    for (let isDone = false; !isDone; points++) {
      budget.left = points;
      isDone = await site.begin(number).then(
        () => true,
        error => !/The process ended/.test(error.message),
      );
      budget.left = Infinity;
      await site.begin(number);
      expect(readTree(site.folder)).toEqual(tree);
    }
    expect(points).toBeGreaterThan(30);
  });
});
