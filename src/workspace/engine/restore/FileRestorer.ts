import type nodeFs from 'node:fs';
import { BytePath, toFsPath } from '../tree/bytePath';
import { Entries, FileEntry, Piece } from '../tree/entries';
import { isRacy } from '../scan/FileEntries';
import { hashOf } from '../scan/FileReader';
import { permissions } from '../scan/scan';
import { utimesSeconds } from './utimesSeconds';
import { WorkspaceError } from '../../errors';

/** Of a file that is written from several packs, until it is complete: a read-only one could not be opened again. */
const OWNER_ONLY = 0o600;

/** What one pack has of a file. */
type Use = {
  path: BytePath;
  entry: FileEntry;
  /** With their positions in the file, in bytes. */
  pieces: { piece: Piece; position: number }[];
};

/** Creates files and fills them from packs. Adds to their entries what the file system says of them. */
export class FileRestorer {
  /** How many packs are still to be written from, of files with content in more than one. */
  readonly #rest = new Map<BytePath, number>();

  constructor(
    private readonly fs: typeof nodeFs,
    private readonly root: BytePath,
  ) {}

  /** Creates the files that are not written from exactly one pack, and returns what is to be written from each pack. */
  begin(entries: Entries): Map<string, Use[]> {
    const byPack = new Map<string, Use[]>();
    for (const [path, entry] of entries) {
      if (entry.kind !== 'file') {
        continue;
      }
      const uses = usesOf(path, entry);
      if (uses.size !== 1) {
        this.#rest.set(path, uses.size);
        this.#open(path, OWNER_ONLY, fd => {
          if (uses.size === 0) {
            this.#complete(fd, entry);
          }
        });
      }
      for (const [pack, use] of uses) {
        const known = byPack.get(pack) ?? [];
        known.push(use);
        byPack.set(pack, known);
      }
    }
    return byPack;
  }

  /** Writes all that comes from one pack. */
  write(uses: Use[], content: Buffer): void {
    for (const { path, entry, pieces } of uses) {
      const rest = this.#rest.get(path);
      this.#open(path, rest === undefined ? entry.mode : undefined, fd => {
        for (const { piece, position } of pieces) {
          this.#writeAll(fd, verified(piece, content), position);
        }
        if (rest === undefined || rest === 1) {
          this.#complete(fd, entry);
        } else {
          this.#rest.set(path, rest - 1);
        }
      });
    }
  }

  /**
   * Says of the entries of files that were written within the last tick that they have to be read again.
   *
   * @param lookedAt - ns since 1970, when all were written
   */
  forgetRacy(entries: Entries, lookedAt: bigint): void {
    for (const entry of entries.values()) {
      if (entry.kind === 'file' && entry.seen) {
        const { mtime: mtimeNs, seen } = entry;
        if (isRacy({ mtimeNs, ctimeNs: seen.ctime }, lookedAt)) {
          entry.seen = undefined;
        }
      }
    }
  }

  /**
   * @param newMode - of a file that must not exist yet; nothing for one that must
   */
  #open(
    path: BytePath,
    newMode: number | undefined,
    action: (fd: number) => void,
  ): void {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = this.fs.constants;
    const fd = this.fs.openSync(
      toFsPath(`${this.root}/${path}`),
      // eslint-disable-next-line no-bitwise
      O_WRONLY | O_NOFOLLOW | (newMode === undefined ? 0 : O_CREAT | O_EXCL),
      newMode,
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

  #complete(fd: number, entry: FileEntry): void {
    const time = utimesSeconds(entry.mtime);
    this.fs.futimesSync(fd, time, time);
    let stat = this.fs.fstatSync(fd, { bigint: true });
    // Seldom: the umask took something away, or it came from several packs.
    if (permissions(stat) !== entry.mode) {
      this.fs.fchmodSync(fd, entry.mode);
      stat = this.fs.fstatSync(fd, { bigint: true });
    }
    entry.mtime = stat.mtimeNs;
    entry.seen = { ino: stat.ino, ctime: stat.ctimeNs };
  }
}

/** What each pack has of a file. */
function usesOf(path: BytePath, entry: FileEntry): Map<string, Use> {
  const uses = new Map<string, Use>();
  let position = 0;
  for (const piece of entry.pieces!) {
    const use = uses.get(piece.pack) ?? { path, entry, pieces: [] };
    use.pieces.push({ piece, position });
    uses.set(piece.pack, use);
    position += piece.length;
  }
  return uses;
}

/** The bytes of a piece. Throws if they are others than those that were stored. */
function verified(piece: Piece, content: Buffer): Buffer {
  const { offset, length, hash, pack } = piece;
  const bytes = content.subarray(offset, offset + length);
  if (hashOf(bytes) !== hash) {
    throw new WorkspaceError(
      `The content of a file is not what was stored: pack ${pack} has other bytes at ${offset}`,
    );
  }
  return bytes;
}
