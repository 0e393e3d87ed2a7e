import type { BigIntStats } from 'node:fs';
import { Entry, FileEntry } from '../tree/entries';
import { Folders } from '../tree/Folders';
import { permissions } from './scan';

const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** The kernel stamps with the time of its last timer interrupt, up to 10 ms ago. */
const TICK = 20n * NS_PER_MS;

/** Some file systems keep whole seconds, or even ones. */
const COARSE_TICK = 2n * NS_PER_SECOND;

/**
 * Makes the entries of files, with the content that is known of a file with the same inode, size and times: at the same path, or else at
 * another one, so that nothing is read of a folder that was renamed.
 */
export class FileEntries {
  /** Made when it is first needed. Most steps rename nothing. */
  #byInode?: Map<bigint, FileEntry>;

  /**
   * @param startedAt - ns since 1970, before anything was looked at
   */
  constructor(
    private readonly known: Folders,
    private readonly startedAt: bigint,
  ) {}

  /**
   * The entry of a file that was looked at and not read.
   *
   * @param before - what is known of its path
   */
  find(before: Entry | undefined, stat: BigIntStats): FileEntry {
    if (before?.kind === 'file') {
      if (isUntouched(before, stat)) {
        return withMode(before, stat);
      }
      // It was written to where it is.
      if (before.seen?.ino === stat.ino) {
        return this.create(stat, Number(stat.size));
      }
    }
    const moved = this.#inodes().get(stat.ino);
    if (moved && isUntouched(moved, stat)) {
      return withMode(moved, stat);
    }
    return this.create(stat, Number(stat.size));
  }

  /** An entry with nothing known of its content. */
  create(stat: BigIntStats, size: number): FileEntry {
    const { ino, ctimeNs: ctime } = stat;
    return {
      kind: 'file',
      mode: permissions(stat),
      mtime: stat.mtimeNs,
      size,
      seen: isRacy(stat, this.startedAt) ? undefined : { ino, ctime },
    };
  }

  #inodes(): Map<bigint, FileEntry> {
    if (!this.#byInode) {
      this.#byInode = new Map();
      for (const [, entry] of this.known) {
        if (entry.kind === 'file' && entry.seen) {
          this.#byInode.set(entry.seen.ino, entry);
        }
      }
    }
    return this.#byInode;
  }
}

/**
 * Whether a file was changed so shortly before it was looked at, or since, that a further change could leave it with the same times.
 *
 * @param lookedAt - ns since 1970
 */
export function isRacy(
  stat: Pick<BigIntStats, 'mtimeNs' | 'ctimeNs'>,
  lookedAt: bigint,
): boolean {
  const isCoarse = stat.ctimeNs % NS_PER_SECOND === 0n;
  const tick = isCoarse ? COARSE_TICK : TICK;
  // A program can set `mtime` to any time, also to one in the future, but not `ctime`.
  return (
    stat.ctimeNs >= lookedAt - tick ||
    (stat.mtimeNs >= lookedAt - tick && stat.mtimeNs <= lookedAt + tick)
  );
}

function isUntouched(entry: FileEntry, stat: BigIntStats): boolean {
  return (
    entry.seen !== undefined &&
    entry.mtime === stat.mtimeNs &&
    entry.seen.ctime === stat.ctimeNs &&
    entry.seen.ino === stat.ino &&
    entry.size === Number(stat.size)
  );
}

/** The same object if nothing differs, which saves memory and comparisons. */
function withMode(entry: FileEntry, stat: BigIntStats): FileEntry {
  const mode = permissions(stat);
  return entry.mode === mode ? entry : { ...entry, mode };
}
