import type nodeFs from 'node:fs';
import { BytePath, displayPath, parentOf, toFsPath } from './bytePath';
import { Entries, FileEntry, FolderEntry, LinkEntry, Piece } from './entries';
import { isRacy } from './FileEntries';
import { hashOf } from './FileReader';
import { decompress, PACK_BYTES } from './packFormat';
import { permissions } from './scan';
import { WorkspaceError } from './WorkspaceError';

/** Packs that are asked for ahead of the one that is written out. */
const AHEAD = 3;

/** Reads a pack. Nothing if the store does not have it. */
export type GetPack = (pack: string) => Promise<Uint8Array | undefined>;

/** A part of a pack that belongs into a file. */
type Use = {
  path: BytePath;
  entry: FileEntry;
  piece: Piece;
  /** Where in the file, in bytes. */
  position: number;
};

/**
 * Writes entries into an empty folder: folders, then files, then links, so that nothing is written through a link, then the modes and
 * times of folders, which writing into them would change. Two names of one file (hard links) come back as two files.
 *
 * @param now - the time in ms since 1970
 * @returns the entries with what the file system says of the new files.
 * @throws WorkspaceError if an entry has no folder, or content is missing or not what it was.
 */
export async function restoreEntries(options: {
  fs: typeof nodeFs;
  root: BytePath;
  entries: Entries;
  get: GetPack;
  now: () => number;
}): Promise<Entries> {
  const { fs, root, entries, get, now } = options;
  checkFolders(entries);
  const folders = [...entries]
    .filter((e): e is [BytePath, FolderEntry] => e[1].kind === 'folder')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path] of folders) {
    // Fails if anything is there already.
    fs.mkdirSync(toFsPath(`${root}/${path}`), 0o700);
  }
  const files = new FileRestorer(fs, root);
  const uses = files.begin(entries);
  for await (const [pack, content] of readAhead([...uses.keys()], get)) {
    files.write(uses.get(pack)!, unpack(pack, content));
  }
  for (const [path, entry] of entries) {
    if (entry.kind === 'link') {
      restoreLink(fs, `${root}/${path}`, entry);
    }
  }
  for (const [path, entry] of folders.reverse()) {
    const fsPath = toFsPath(`${root}/${path}`);
    fs.chmodSync(fsPath, entry.mode);
    fs.utimesSync(fsPath, seconds(entry.mtime), seconds(entry.mtime));
  }
  return files.restored(entries, BigInt(Math.floor(now() * 1e6)));
}

function checkFolders(entries: Entries): void {
  for (const path of entries.keys()) {
    const parent = parentOf(path);
    if (parent && entries.get(parent)?.kind !== 'folder') {
      throw new WorkspaceError(
        `The snapshot has ${displayPath(path)}, but no folder for it`,
      );
    }
  }
}

/** Creates files and fills them from packs. */
class FileRestorer {
  /** What the file system says of the files that are complete. */
  readonly #stats = new Map<BytePath, nodeFs.BigIntStats>();
  /** How many pieces are still to be written, of files with more than one. */
  readonly #rest = new Map<BytePath, number>();

  constructor(
    private readonly fs: typeof nodeFs,
    private readonly root: BytePath,
  ) {}

  /** Creates the files that are empty or have several pieces, and returns what is to be written from each pack. */
  begin(entries: Entries): Map<string, Use[]> {
    const uses = new Map<string, Use[]>();
    for (const [path, entry] of entries) {
      if (entry.kind !== 'file') {
        continue;
      }
      const pieces = entry.pieces!;
      if (pieces.length !== 1) {
        this.#rest.set(path, pieces.length);
        this.#open(path, 'new', fd => {
          if (pieces.length === 0) {
            this.#complete(fd, path, entry);
          }
        });
      }
      let position = 0;
      for (const piece of pieces) {
        const known = uses.get(piece.pack) ?? [];
        known.push({ path, entry, piece, position });
        uses.set(piece.pack, known);
        position += piece.length;
      }
    }
    return uses;
  }

  /** Writes all that comes from one pack. */
  write(uses: Use[], content: Buffer): void {
    for (const { path, entry, piece, position } of uses) {
      const { offset, length } = piece;
      const bytes = content.subarray(offset, offset + length);
      if (hashOf(bytes) !== piece.hash) {
        throw new WorkspaceError(
          `The content of ${displayPath(path)} is not what was stored: pack ${piece.pack} has other bytes at ${offset}`,
        );
      }
      const rest = this.#rest.get(path);
      this.#open(path, rest === undefined ? 'new' : 'existing', fd => {
        this.#writeAll(fd, bytes, position);
        if (rest === undefined || rest === 1) {
          this.#complete(fd, path, entry);
        } else {
          this.#rest.set(path, rest - 1);
        }
      });
    }
  }

  /** The entries, the files as they are now. */
  restored(entries: Entries, lookedAt: bigint): Entries {
    const restored: Entries = new Map();
    for (const [path, entry] of entries) {
      const stat = this.#stats.get(path);
      restored.set(
        path,
        entry.kind === 'file' && stat
          ? {
              ...entry,
              mtime: stat.mtimeNs,
              mode: permissions(stat),
              seen: isRacy(stat, lookedAt)
                ? undefined
                : { ino: stat.ino, ctime: stat.ctimeNs },
            }
          : entry,
      );
    }
    return restored;
  }

  #open(
    path: BytePath,
    expected: 'new' | 'existing',
    action: (fd: number) => void,
  ): void {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = this.fs.constants;
    const fd = this.fs.openSync(
      toFsPath(`${this.root}/${path}`),
      // eslint-disable-next-line no-bitwise
      O_WRONLY | O_NOFOLLOW | (expected === 'new' ? O_CREAT | O_EXCL : 0),
      0o600,
    );
    try {
      action(fd);
    } finally {
      this.fs.closeSync(fd);
    }
  }

  #writeAll(fd: number, bytes: Buffer, position: number): void {
    for (let done = 0; done < bytes.length;) {
      done += this.fs.writeSync(
        fd,
        bytes,
        done,
        bytes.length - done,
        position + done,
      );
    }
  }

  #complete(fd: number, path: BytePath, entry: FileEntry): void {
    const time = seconds(entry.mtime);
    this.fs.fchmodSync(fd, entry.mode);
    this.fs.futimesSync(fd, time, time);
    this.#stats.set(path, this.fs.fstatSync(fd, { bigint: true }));
  }
}

function restoreLink(fs: typeof nodeFs, path: BytePath, entry: LinkEntry) {
  const fsPath = toFsPath(path);
  fs.symlinkSync(toFsPath(entry.target), fsPath);
  fs.lutimesSync(fsPath, seconds(entry.mtime), seconds(entry.mtime));
}

function unpack(pack: string, content: Uint8Array | undefined): Buffer {
  if (!content) {
    throw new WorkspaceError(`Pack ${pack} is not in the store`);
  }
  try {
    return decompress(content, PACK_BYTES);
  } catch (error: any) {
    throw new WorkspaceError(
      `Pack ${pack} is not what was stored, ${error.message}`,
    );
  }
}

/** Asks for packs before they are needed. */
async function* readAhead(
  packs: string[],
  get: GetPack,
): AsyncGenerator<[string, Uint8Array | undefined]> {
  const asked: Promise<Uint8Array | undefined>[] = [];
  for (let i = 0; i < packs.length; i++) {
    while (asked.length < packs.length && asked.length < i + AHEAD) {
      const answer = get(packs[asked.length]);
      // One that nobody waits for any more, since an earlier one failed.
      answer.catch(() => {});
      asked.push(answer);
    }
    const content = await asked[i];
    // Not to keep them all.
    asked[i] = Promise.resolve(undefined);
    yield [packs[i], content];
  }
}

/**
 * As `utimes` takes it. Node.js cuts it off to microseconds (`uv__fs_to_timespec` of libuv); from the middle of one, it comes back as the
 * same one.
 */
function seconds(ns: bigint): number {
  return (Number(ns / 1000n) + 0.5) / 1e6;
}
