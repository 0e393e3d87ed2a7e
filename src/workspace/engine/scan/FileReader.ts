import { createHash } from 'node:crypto';
import type nodeFs from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { BytePath, toFsPath } from '../tree/bytePath';
import { Piece } from '../tree/entries';
import { isGone } from '../tree/fileErrors';
import { PIECE_BYTES } from '../packs/packFormat';

/** How often a file is read again that is written to meanwhile. Then what was read last counts, as it does for any copy. */
const MAX_READS = 3;

/** How much is read at once. */
const BLOCK_BYTES = 32 * PIECE_BYTES;

type ReadFile = {
  /** The file as it was when all of it had been read. */
  stat: BigIntStats;
  size: number;
  pieces: Piece[];
  /** Whether nothing was written to it while it was read. */
  isStable: boolean;
};

/** Reads files in pieces, and stores the pieces that are not known. */
export class FileReader {
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);
  readonly #flags: number;

  constructor(
    private readonly fs: typeof nodeFs,
    private readonly store: (
      hash: string,
      bytes: Uint8Array,
    ) => Piece | Promise<Piece>,
  ) {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
    // eslint-disable-next-line no-bitwise
    this.#flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  }

  /**
   * @returns nothing if there is no such file any more, or something else in its place.
   * @throws what the file system says if it cannot be read.
   */
  async read(path: BytePath): Promise<ReadFile | undefined> {
    const { fs } = this;
    let fd: number;
    try {
      // Neither follows a link nor waits for the other end of a FIFO, whatever the path has become since it was looked at.
      fd = fs.openSync(toFsPath(path), this.#flags);
    } catch (error: any) {
      // `ELOOP`: it is a link now. `ENXIO`: a socket.
      if (isGone(error) || ['ELOOP', 'ENXIO'].includes(error.code)) {
        return undefined;
      }
      throw error;
    }
    try {
      return await this.#readOpen(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  async #readOpen(fd: number): Promise<ReadFile | undefined> {
    const { fs } = this;
    let before = fs.fstatSync(fd, { bigint: true });
    for (let reads = 1; ; reads++) {
      if (!before.isFile()) {
        return undefined;
      }
      const pieces = await this.#readPieces(fd, Number(before.size));
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const stat = fs.fstatSync(fd, { bigint: true });
      const isStable =
        BigInt(size) === stat.size &&
        stat.mtimeNs === before.mtimeNs &&
        stat.ctimeNs === before.ctimeNs;
      if (isStable || reads === MAX_READS) {
        return { stat, size, pieces, isStable };
      }
      before = stat;
    }
  }

  /** Reads to the end, and no further than the size that it had: a file that grows all the time has no end. */
  async #readPieces(fd: number, size: number): Promise<Piece[]> {
    const pieces: Piece[] = [];
    for (let position = 0; position < size;) {
      const length = this.#readBlock(fd, position, size - position);
      if (length === 0) {
        break;
      }
      for (let at = 0; at < length; at += PIECE_BYTES) {
        const end = Math.min(at + PIECE_BYTES, length);
        const bytes = this.#block.subarray(at, end);
        pieces.push(await this.store(hashOf(bytes), bytes));
      }
      position += length;
    }
    return pieces;
  }

  /** Fills the buffer, if there is so much. */
  #readBlock(fd: number, position: number, rest: number): number {
    const wanted = Math.min(BLOCK_BYTES, rest);
    let length = 0;
    while (length < wanted) {
      const read = this.fs.readSync(
        fd,
        this.#block,
        length,
        wanted - length,
        position + length,
      );
      if (read === 0) {
        break;
      }
      length += read;
    }
    return length;
  }
}

/** SHA-256, one character for each byte. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('binary');
}
