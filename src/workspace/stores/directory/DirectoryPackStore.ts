import nodeFs from 'node:fs';
import path from 'node:path';
import pLimit from 'p-limit';
import { UUID } from '../../../util/uuid';
import { TIMED_OUT, withTimeout } from '../../../util/withTimeout';
import { explainDirectoryError } from './explainDirectoryError';
import { PackStore } from '../PackStore';

/** Of a task, and of a pack. */
const ID = new RegExp(`^${UUID}$`);

/** The end of the name of a pack that is being written. */
const PART = '.part';

/** Of a file system that has nothing to do for it, as some network file systems. */
const CANNOT_SYNC = ['EINVAL', 'ENOTSUP', 'EISDIR'];

/** How long anything may take, in ms, with the time that it waits for its turn. */
const TIME_LIMIT = 30_000;

/**
 * A volume that hangs holds a thread for each call. Node.js has four by default, which the whole process uses for files, names of hosts and
 * compression.
 */
const MAX_AT_ONCE = 2;

/** How often a folder is made that is deleted just then. */
const MAX_TRIES = 5;

const OWNER_ONLY = 0o700;
const OWNER_ONLY_FILE = 0o600;

/** What it needs of the file system. */
export type StoreFs = Pick<
  typeof nodeFs.promises,
  'access' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'rm' | 'rmdir'
>;

/**
 * Keeps packs in a folder that all replicas share, one file each: `<task id>/<pack>`.
 *
 * A pack is written to another name first, and renamed once its bytes are on the disk. So one that can be read is whole.
 *
 * The folder itself is never made: where a volume is mounted that is not there now, it would be made on the disk below.
 *
 * All methods throw a StoreError, also if the volume does not answer within 30 s.
 */
export class DirectoryPackStore implements PackStore {
  readonly ifNothingIsThere =
    'Is its folder shared by all replicas, and does it outlive them? Mount one volume there in all of them, or use another store';

  readonly #limit = pLimit(MAX_AT_ONCE);

  constructor(
    private readonly root: string,
    private readonly fs: StoreFs = nodeFs.promises,
    private readonly timeLimitMs = TIME_LIMIT,
  ) {}

  async put(taskId: string, pack: string, content: Uint8Array): Promise<void> {
    await this.#explained(`store a pack of task ${taskId}`, async () => {
      const folder = this.#folder(taskId);
      const file = path.join(folder, checked(pack));
      const part = `${file}${PART}`;
      try {
        await this.#writeBelow(folder, part, content);
        await this.fs.rename(part, file);
      } catch (error) {
        await this.fs.rm(part, { force: true }).catch(() => {});
        throw error;
      }
      await this.#sync(folder);
    });
  }

  async get(taskId: string, pack: string): Promise<Uint8Array | undefined> {
    return this.#explained(`read a pack of task ${taskId}`, async () => {
      const folder = this.#folder(taskId);
      const file = path.join(folder, checked(pack));
      return this.#ifThere(
        async () => {
          await this.#checkFolder(folder);
          return this.#read(file);
        },
        () => this.#checkMounted(),
      );
    });
  }

  async list(taskId: string): Promise<string[]> {
    return this.#explained(`list the packs of task ${taskId}`, async () => {
      const folder = this.#folder(taskId);
      const names = await this.#ifThere(async () => {
        await this.#checkFolder(folder);
        return this.fs.readdir(folder);
      });
      return (names ?? []).filter(isOwn);
    });
  }

  async delete(taskId: string, names: string[]): Promise<void> {
    await this.#explained(`delete packs of task ${taskId}`, async () => {
      const folder = this.#folder(taskId);
      const isThere = await this.#ifThere(async () => {
        await this.#checkFolder(folder);
        return true;
      });
      if (!isThere) {
        return;
      }
      for (const name of names) {
        const file = path.join(folder, checked(name));
        await this.#ifThere(() => this.fs.rm(file));
      }
      await this.#ifThere(() => this.fs.rmdir(folder)).catch(error => {
        // Others are left.
        if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) {
          throw error;
        }
      });
    });
  }

  async check(): Promise<void> {
    await this.#explained('use it', async () => {
      const { R_OK, W_OK, X_OK } = nodeFs.constants;
      // With the dot it fails unless it is a folder.
      // eslint-disable-next-line no-bitwise
      await this.fs.access(`${this.root}/.`, R_OK | W_OK | X_OK);
    });
  }

  #folder(taskId: string): string {
    if (!ID.test(taskId)) {
      throw new Error(`'${taskId}' is not a task id`);
    }
    return path.join(this.root, taskId);
  }

  async #writeBelow(
    folder: string,
    file: string,
    content: Uint8Array,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#ensureFolder(folder);
      try {
        await this.#write(file, content);
        return;
      } catch (error: any) {
        // Another process has just deleted what an earlier run left there, and with it the empty folder.
        if (error.code !== 'ENOENT' || tries === MAX_TRIES) {
          throw error;
        }
      }
    }
  }

  async #ensureFolder(folder: string): Promise<void> {
    try {
      await this.fs.mkdir(folder, OWNER_ONLY);
    } catch (error: any) {
      if (error.code !== 'EEXIST') {
        throw error;
      }
      await this.#checkFolder(folder);
      return;
    }
    await this.#sync(this.root);
  }

  /** Whoever can write there could have put a link in its place. */
  async #checkFolder(folder: string): Promise<void> {
    const stat = await this.fs.lstat(folder);
    if (!stat.isDirectory()) {
      throw new Error(`${folder} is a link or a file, and must be a folder`);
    }
  }

  /**
   * Does something with what may be gone. It counts as gone only if it is not found twice, with the root seen in between and after: a root that
   * comes back between one look for a file and one for the root would else make the file look as if it were gone. Chaos found that.
   *
   * @param checkRoot - throws if the root is not there
   * @returns nothing if it is gone.
   */
  async #ifThere<T>(
    action: () => Promise<T>,
    checkRoot = () => this.#checkRoot(),
  ): Promise<T | undefined> {
    for (let look = 1; look <= 2; look++) {
      try {
        return await action();
      } catch (error: any) {
        if (error.code !== 'ENOENT') {
          throw error;
        }
        await checkRoot();
      }
    }
    return undefined;
  }

  async #checkRoot(): Promise<void> {
    await this.fs.lstat(`${this.root}/.`);
  }

  /** A mount point without its volume is empty. What is missing then is not gone. */
  async #checkMounted(): Promise<void> {
    if ((await this.fs.readdir(this.root)).length === 0) {
      throw new Error(
        `${this.root} is empty. Mount the volume that it is to be on. That must be one for all replicas, which outlives them`,
      );
    }
  }

  async #write(file: string, content: Uint8Array): Promise<void> {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = nodeFs.constants;
    // eslint-disable-next-line no-bitwise
    const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
    const handle = await this.fs.open(file, flags, OWNER_ONLY_FILE);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #read(file: string): Promise<Uint8Array> {
    const { O_RDONLY, O_NOFOLLOW = 0 } = nodeFs.constants;
    // eslint-disable-next-line no-bitwise
    const handle = await this.fs.open(file, O_RDONLY | O_NOFOLLOW);
    try {
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  }

  /** Has the names in a folder written to the disk. */
  async #sync(folder: string): Promise<void> {
    const handle = await this.fs.open(folder, nodeFs.constants.O_RDONLY);
    try {
      await handle.sync();
    } catch (error: any) {
      if (!CANNOT_SYNC.includes(error.code)) {
        throw error;
      }
    } finally {
      await handle.close();
    }
  }

  async #explained<T>(what: string, action: () => Promise<T>): Promise<T> {
    // What was given up while it waited for its turn must not be done later, nor its content be kept for that.
    let waiting: (() => Promise<T>) | undefined = action;
    const turn = async () => {
      if (!waiting) {
        throw new Error('Given up');
      }
      return waiting();
    };
    try {
      const result = await withTimeout(this.timeLimitMs, this.#limit(turn));
      if (result === TIMED_OUT) {
        waiting = undefined;
        throw new Error(`No answer within ${this.timeLimitMs / 1000} s`);
      }
      return result;
    } catch (error) {
      throw explainDirectoryError(error, { what, root: this.root });
    }
  }
}

function isOwn(name: string): boolean {
  return ID.test(name.endsWith(PART) ? name.slice(0, -PART.length) : name);
}

function checked(name: string): string {
  if (!isOwn(name)) {
    throw new Error(`'${name}' is not a pack name`);
  }
  return name;
}
