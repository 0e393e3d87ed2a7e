import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DirectoryPackStore, StoreFs } from './DirectoryPackStore';

const TASK = randomUUID();
const PACK = randomUUID();
const content = randomBytes(100_000);

describe('DirectoryPackStore', () => {
  let root: string;
  let store: DirectoryPackStore;

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'store-'));
    store = new DirectoryPackStore(root);
  });

  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  /** The store on a file system that fails with a code when a function of it is called. */
  function failing(name: keyof StoreFs, code: string) {
    const fail = async () => {
      throw Object.assign(new Error(`${code}: it failed`), { code });
    };
    return new DirectoryPackStore(root, { ...fs.promises, [name]: fail });
  }

  it('returns what was put, lists it, and leaves no folder when it is deleted', async () => {
    const other = randomUUID();
    await store.put(TASK, PACK, content);
    await store.put(TASK, other, Buffer.from('x'));
    expect(await store.get(TASK, PACK)).toEqual(content);
    expect((await store.list(TASK)).sort()).toEqual([PACK, other].sort());
    await store.delete(TASK, [PACK, randomUUID()]);
    expect(await store.get(TASK, PACK)).toBeUndefined();
    expect(await store.list(TASK)).toEqual([other]);
    await store.delete(TASK, [other]);
    expect(fs.readdirSync(root)).toEqual([]);
    expect(await store.list(TASK)).toEqual([]);
    await store.delete(TASK, [other]);
  });

  it('lets nobody else read it', async () => {
    await store.put(TASK, PACK, content);
    const folder = path.join(root, TASK);
    const modes = [folder, path.join(folder, PACK)].map(
      file => fs.statSync(file).mode % 0o1000,
    );
    expect(modes).toEqual([0o700, 0o600]);
  });

  it.each(['sync', 'writeFile'] as const)(
    'has no pack that was not written to its end, since %s failed',
    async method => {
      const broken = new DirectoryPackStore(root, {
        ...fs.promises,
        open: async (...args) => {
          const handle = await fs.promises.open(...args);
          handle[method] = async () => {
            throw Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' });
          };
          return handle;
        },
      });
      fs.mkdirSync(path.join(root, TASK));
      await expect(broken.put(TASK, PACK, content)).rejects.toThrow(
        `Could not store a pack of task ${TASK} in the directory ${root} (scaffolder.recoverTasksWorkspaces.stores). ENOSPC: full. Free space on its volume`,
      );
      expect(await store.list(TASK)).toEqual([]);
      expect(await store.get(TASK, PACK)).toBeUndefined();
    },
  );

  it('does not read what a killed process has written half, and deletes it with the rest', async () => {
    await store.put(TASK, PACK, content);
    const half = randomUUID();
    fs.writeFileSync(path.join(root, TASK, `${half}.part`), 'half');
    expect(await store.get(TASK, half)).toBeUndefined();
    const names = await store.list(TASK);
    expect(names.sort()).toEqual([PACK, `${half}.part`].sort());
    await store.delete(TASK, names);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it.each<[keyof StoreFs, string, string]>([
    ['mkdir', 'EROFS', 'Mount its volume with the right to write'],
    ['mkdir', 'EACCES', 'Give the user of the backend the right'],
    ['rename', 'EDQUOT', 'Raise the quota'],
  ])('says what to do when %s fails with %s', async (name, code, remedy) => {
    await expect(failing(name, code).put(TASK, PACK, content)).rejects.toThrow(
      remedy,
    );
  });

  it.each(['EIO', 'ESTALE', 'EACCES'])(
    'does not take %s for a pack that is not there',
    async code => {
      await store.put(TASK, PACK, content);
      await expect(failing('open', code).get(TASK, PACK)).rejects.toThrow(code);
      await expect(failing('readdir', code).list(TASK)).rejects.toThrow(code);
    },
  );

  it('does not take a folder that is missing for one without packs, and does not make it', async () => {
    fs.rmdirSync(root);
    for (const action of [
      () => store.put(TASK, PACK, content),
      () => store.get(TASK, PACK),
      () => store.list(TASK),
      () => store.delete(TASK, [PACK]),
      () => store.check(),
    ]) {
      await expect(action()).rejects.toThrow(
        'Create the folder, or mount the volume that it is on',
      );
    }
    expect(fs.existsSync(root)).toBe(false);
  });

  it('does not take a mount point without its volume for a store that has lost a pack', async () => {
    await expect(store.get(TASK, PACK)).rejects.toThrow('Mount the volume');
    await store.put(randomUUID(), PACK, content);
    expect(await store.get(TASK, PACK)).toBeUndefined();
  });

  it.each<keyof StoreFs>(['lstat', 'open', 'readdir', 'rm', 'rmdir'])(
    'takes nothing for gone when its folder is away for the moment of %s alone',
    async name => {
      await store.put(TASK, PACK, content);
      let isAway = false;
      const shaky = new DirectoryPackStore(root, {
        ...fs.promises,
        [name]: async (...args: any[]) => {
          if (isAway) {
            isAway = false;
            fs.renameSync(root, `${root}.away`);
            const answer = (fs.promises as any)[name](...args);
            await answer.catch(() => {});
            fs.renameSync(`${root}.away`, root);
            return answer;
          }
          return (fs.promises as any)[name](...args);
        },
      });
      isAway = true;
      expect(await shaky.get(TASK, PACK)).toEqual(content);
      isAway = true;
      expect(await shaky.list(TASK)).toEqual([PACK]);
      isAway = true;
      await shaky.delete(TASK, [PACK]);
      expect(fs.readdirSync(root)).toEqual([]);
    },
  );

  it('makes the folder again that another process deletes as empty', async () => {
    let deletions = 3;
    const racing = new DirectoryPackStore(root, {
      ...fs.promises,
      open: async (...args) => {
        if (String(args[0]).endsWith('.part') && deletions > 0) {
          deletions -= 1;
          fs.rmdirSync(path.join(root, TASK));
        }
        return fs.promises.open(...args);
      },
    });
    await racing.put(TASK, PACK, content);
    expect(deletions).toBe(0);
    expect(await store.get(TASK, PACK)).toEqual(content);
  });

  it('follows no link and leaves its folder by no name', async () => {
    const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'outside-'));
    fs.writeFileSync(path.join(outside, PACK), 'of somebody else');
    fs.symlinkSync(outside, path.join(root, TASK));
    for (const action of [
      () => store.put(TASK, PACK, content),
      () => store.get(TASK, PACK),
      () => store.list(TASK),
      () => store.delete(TASK, [PACK]),
    ]) {
      await expect(action()).rejects.toThrow('is a link or a file');
    }
    fs.unlinkSync(path.join(root, TASK));
    await store.put(TASK, randomUUID(), content);
    fs.symlinkSync(path.join(outside, PACK), path.join(root, TASK, PACK));
    await expect(store.get(TASK, PACK)).rejects.toThrow('ELOOP');
    for (const name of ['..', `../${TASK}`, '', 'x', `${PACK}/..`]) {
      await expect(store.get(name, PACK)).rejects.toThrow('is not a task id');
      await expect(store.get(TASK, name)).rejects.toThrow('is not a pack name');
      await expect(store.delete(TASK, [name])).rejects.toThrow('is not a pack');
    }
    expect(fs.readdirSync(outside)).toEqual([PACK]);
    fs.rmSync(outside, { recursive: true });
  });

  it('can be checked before it is used', async () => {
    await store.check();
    const file = path.join(root, 'file');
    fs.writeFileSync(file, '');
    await expect(new DirectoryPackStore(file).check()).rejects.toThrow(
      'It must be a folder',
    );
    await expect(failing('access', 'EROFS').check()).rejects.toThrow(
      'Mount its volume with the right to write',
    );
  });

  it('gives up on a volume that does not answer, and has no more than two calls waiting there', async () => {
    let calls = 0;
    let isBack = () => {};
    const back = new Promise<void>(resolve => {
      isBack = resolve;
    });
    const hanging = new DirectoryPackStore(
      root,
      {
        ...fs.promises,
        mkdir: async () => {
          calls += 1;
          await back;
          throw new Error('It hung');
        },
      },
      200,
    );
    const puts = Array.from({ length: 5 }, () =>
      hanging.put(TASK, randomUUID(), content),
    );
    for (const result of await Promise.allSettled(puts)) {
      expect(result).toMatchObject({
        reason: expect.objectContaining({
          name: 'StoreError',
          message: expect.stringContaining('No answer within 0.2 s'),
        }),
      });
    }
    expect(calls).toBe(2);
    isBack();
    // Behind all that was waiting.
    await expect(hanging.put(TASK, PACK, content)).rejects.toThrow('It hung');
    expect(calls).toBe(3);
  });
});
