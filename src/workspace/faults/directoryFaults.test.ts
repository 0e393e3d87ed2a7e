import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { waitFor } from '../../../dev/harness/waitFor';
import { readTree } from '../../../dev/harness/steps/readTree';
import { DbSnapshotRow } from '../../database/tables';
import { Site, removeSites } from '../__testUtils__/Site';
import { writeFiles } from '../__testUtils__/writeFiles';
import {
  DirectoryPackStore,
  StoreFs,
} from '../stores/directory/DirectoryPackStore';
import { Stores } from '../stores/Stores';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

afterEach(removeSites);

/** A task with a snapshot in a directory. */
async function create() {
  const site = await Site.create(databases, {
    databaseId: 'SQLITE_3',
    store: 'directory',
  });
  await site.begin();
  writeFiles(site.folder, { kept: randomBytes(2_500_000) });
  await site.take();
  const root = (site.testStore.entry as { path: string }).path;
  /** A process that sees another file system. */
  const on = (replaced: Partial<StoreFs>, retryForMs = 100) => {
    const store = new DirectoryPackStore(root, { ...fs.promises, ...replaced });
    const stores = new Stores({ id: site.stores.first.id, store });
    return site.another({ stores, retryForMs });
  };
  return { site, root, on };
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code });
}

/** Those that say that the files could not be stored. */
async function missingRows(site: Site): Promise<DbSnapshotRow[]> {
  const rows = await site.rows();
  return rows.filter(row => row.missing?.includes('could not be stored'));
}

/** Has files written until so many packs were, and then fails. */
function fullAfter(packs: number): { fs: Partial<StoreFs>; free(): void } {
  let left = packs;
  return {
    fs: {
      open: async (...args) => {
        const handle = await fs.promises.open(...args);
        if (String(args[0]).endsWith('.part')) {
          const write = handle.writeFile.bind(handle);
          handle.writeFile = async (...content) => {
            left -= 1;
            if (left < 0) {
              await handle.write('half of it');
              throw failure('ENOSPC');
            }
            await write(...content);
          };
        }
        return handle;
      },
    },
    free: () => {
      left = Infinity;
    },
  };
}

describe('a snapshot in a directory', () => {
  it.each([0, 1, 2])(
    'that is full after %s packs is missing, is reported once, leaves nothing, and the next one is made',
    async packs => {
      const { site, on } = await create();
      const before = (await site.packs()).sort();
      const full = fullAfter(packs);
      const other = on(full.fs);
      await other.begin(2);
      writeFiles(other.folder, { more: randomBytes(3_500_000) });
      await other.take();
      await other.take();
      const missing = await missingRows(site);
      expect(missing).toHaveLength(2);
      expect((await site.packs()).sort()).toEqual(before);
      expect(other.warnings()).toHaveLength(1);
      const [[, error]] = other.logger.warn.mock.calls;
      expect(String(error)).toContain('Free space on its volume');

      full.free();
      const row = await other.take();
      expect(row).toMatchObject({ number: 6, missing: null });
      await site.begin(6);
      expect(readTree(site.folder)).toEqual(readTree(other.folder));
    },
  );

  it('that is gone is missing, and the next one is made when it is back', async () => {
    const { site, root } = await create();
    fs.renameSync(root, `${root}.away`);
    writeFiles(site.folder, { more: 'm' });
    await site.take();
    expect(await missingRows(site)).toHaveLength(1);
    expect(fs.existsSync(root)).toBe(false);
    expect(site.warnings()).toHaveLength(1);
    fs.renameSync(`${root}.away`, root);
    expect(await site.take()).toMatchObject({ number: 4, missing: null });
  });

  it.each(['EROFS', 'EACCES'])(
    'that cannot be written (%s) is missing, and a run that goes on there begins all the same',
    async code => {
      const { on, site } = await create();
      const readOnly = on({
        mkdir: async () => {
          throw failure(code);
        },
        open: async (file, flags, mode) => {
          if (String(file).endsWith('.part')) {
            throw failure(code);
          }
          return fs.promises.open(file, flags, mode);
        },
        rm: async () => {
          throw failure(code);
        },
      });
      await readOnly.begin(2);
      expect(readTree(readOnly.folder)).toEqual(readTree(site.folder));
      writeFiles(readOnly.folder, { more: 'm' });
      await readOnly.take();
      expect(await missingRows(site)).toHaveLength(1);
    },
  );
});

describe('a run that begins with files in a directory', () => {
  it('waits for the directory when it is gone in the middle of it', async () => {
    const { site, root, on } = await create();
    let reads = 0;
    const other = on(
      {
        open: async (...args) => {
          reads += 1;
          if (reads === 2) {
            fs.renameSync(root, `${root}.away`);
          }
          return fs.promises.open(...args);
        },
      },
      30_000,
    );
    const begun = other.begin(2);
    await waitFor('a second try', async () => other.warnings().length > 0);
    fs.renameSync(`${root}.away`, root);
    await begun;
    expect(readTree(other.folder)).toEqual(readTree(site.folder));
  });

  it.each([
    ['gone', (root: string) => fs.renameSync(root, `${root}.away`)],
    [
      'an empty mount point',
      (root: string) => {
        fs.renameSync(root, `${root}.away`);
        fs.mkdirSync(root);
      },
    ],
  ])(
    'fails while the directory is %s, says so, and begins with them later',
    async (_, takeAway) => {
      const { site, root, on } = await create();
      takeAway(root);
      const other = on({});
      await expect(other.begin(2)).rejects.toThrow(
        /Could not begin the run of task .* [Mm]ount the volume .* the task can be retried/,
      );
      fs.rmSync(root, { recursive: true, force: true });
      fs.renameSync(`${root}.away`, root);
      await other.begin(2);
      expect(readTree(other.folder)).toEqual(readTree(site.folder));
    },
  );

  it.each<[string, (file: string) => void]>([
    ['cut off', file => fs.truncateSync(file, 1000)],
    ['empty', file => fs.truncateSync(file, 0)],
    ['deleted', file => fs.rmSync(file)],
    [
      'changed',
      file => {
        const content = fs.readFileSync(file);
        content[content.length - 10] = 255 - content[content.length - 10];
        fs.writeFileSync(file, content);
      },
    ],
  ])(
    'fails if a pack is %s, and is planned without them when it is retried',
    async (_, damage) => {
      const { site, root, on } = await create();
      const [pack] = await site.packs();
      damage(path.join(root, site.taskId, pack));
      const other = on({}, 10_000);
      await expect(other.begin(2)).rejects.toThrow(/tried 1 times/);
      const rows = await site.rows();
      expect(rows[1].missing).toMatch(/not (in the store|what was stored)/);
      // There are others of the task.
      expect(rows[1].missing).not.toContain('shared');
      await other.begin();
      expect(fs.readdirSync(other.folder)).toEqual([]);
    },
  );

  describe('that is not shared by the replicas', () => {
    let folder: string;

    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'own-store-'));
    });
    afterEach(() => fs.rmSync(folder, { recursive: true }));

    /** A replica that has another folder at the same path. */
    async function createElsewhere() {
      const { site } = await create();
      const store = new DirectoryPackStore(folder);
      const { id } = site.stores.first;
      const stores = new Stores({ id, store });
      return { id, other: site.another({ stores, retryForMs: 100 }) };
    }

    it('fails where other tasks have files, and names the likely cause, also in the plan of a retry', async () => {
      fs.mkdirSync(path.join(folder, randomUUID()));
      const { id, other } = await createElsewhere();
      const cause = `The store ${id} has nothing of this task. Is its folder shared by all replicas, and does it outlive them?`;
      await expect(other.begin(2)).rejects.toThrow(cause);
      const [, { missing }] = await other.rows();
      expect(missing).toContain(cause);
      expect(other.warnings()).toEqual([expect.stringContaining(cause)]);
    });

    it('fails where nothing has files, and says that it must be shared', async () => {
      const { other } = await createElsewhere();
      await expect(other.begin(2)).rejects.toThrow(
        'is empty. Mount the volume that it is to be on. That must be one for all replicas, which outlives them',
      );
      // As long as the volume may only be away.
      const [, { missing }] = await other.rows();
      expect(missing).toBeNull();
    });
  });
});
