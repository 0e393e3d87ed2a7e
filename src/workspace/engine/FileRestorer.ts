import type nodeFs from 'node:fs';
import { BytePath, displayPath, toFsPath } from './bytePath';
import { Entries, FileEntry, Piece } from './entries';
import { isRacy } from './FileEntries';
import { hashOf } from './FileReader';
import { permissions } from './scan';
import { utimesSeconds } from './utimesSeconds';
import { WorkspaceError } from './WorkspaceError';

/** Of a file that is written in several pieces, until it is complete: a read-only one could not be opened again. */
const OWNER_ONLY = 0o600;

/** A part of a pack that belongs into a file. */
type Use = {
  path: BytePath;
  entry: FileEntry;
  piece: Piece;
  /** Where in the file, in bytes. */
  position: number;
};

/** Creates files and fills them from packs. */
export class FileRestorer {
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
        this.#open(path, OWNER_ONLY, fd => {
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
      this.#open(path, rest === undefined ? entry.mode : undefined, fd => {
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

  #complete(fd: number, path: BytePath, entry: FileEntry): void {
    const time = utimesSeconds(entry.mtime);
    this.fs.futimesSync(fd, time, time);
    let stat = this.fs.fstatSync(fd, { bigint: true });
    // Seldom: the umask took something away, or there are several pieces.
    if (permissions(stat) !== entry.mode) {
      this.fs.fchmodSync(fd, entry.mode);
      stat = this.fs.fstatSync(fd, { bigint: true });
    }
    this.#stats.set(path, stat);
  }
}
