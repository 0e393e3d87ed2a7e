import { promisify } from 'node:util';
import {
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  constants,
} from 'node:zlib';
import { toBuffer } from '../../../util/toBuffer';

/** How many bytes a pack holds at most before they are compressed. */
export const PACK_BYTES = 1024 * 1024;

/** Larger files are stored in pieces of this size, so that a change within one costs a piece. */
export const PIECE_BYTES = 16 * 1024;

/** The first byte of what is stored. */
const PLAIN = 0;
const BROTLI = 1;

/** Compresses bytes, unless that makes them hardly smaller. The result has memory of its own, so that it can be moved to another thread. */
export function compress(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const compressed = brotliCompressSync(bytes, {
    chunkSize: clampChunk(bytes.length),
    params: {
      // Several times as fast as the disk, and most of the gain of the slower ones.
      [constants.BROTLI_PARAM_QUALITY]: 1,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const isSmaller = compressed.length < 0.95 * bytes.length;
  const content = isSmaller ? compressed : bytes;
  const stored = new Uint8Array(content.length + 1);
  stored[0] = isSmaller ? BROTLI : PLAIN;
  stored.set(content, 1);
  return stored;
}

/**
 * @param maxBytes - more than that is refused instead of filling the memory
 * @throws Error if it is not what `compress` returned.
 */
export function decompress(stored: Uint8Array, maxBytes: number): Buffer {
  return stored[0] === BROTLI
    ? brotliDecompressSync(stored.subarray(1), optionsFor(stored, maxBytes))
    : plainContent(stored, maxBytes);
}

/** As `decompress`, in another thread, while this one does something else. */
export async function decompressAside(
  stored: Uint8Array,
  maxBytes: number,
): Promise<Buffer> {
  return stored[0] === BROTLI
    ? promisify(brotliDecompress)(
        stored.subarray(1),
        optionsFor(stored, maxBytes),
      )
    : plainContent(stored, maxBytes);
}

function optionsFor(stored: Uint8Array, maxOutputLength: number) {
  return { chunkSize: clampChunk(4 * stored.length), maxOutputLength };
}

function plainContent(stored: Uint8Array, maxBytes: number): Buffer {
  const content = stored.subarray(1);
  if (stored[0] === PLAIN && content.length <= maxBytes) {
    return toBuffer(content);
  }
  throw new Error('It is in no known format');
}

/** The output is put together from chunks: one that holds all of it saves a copy. */
function clampChunk(bytes: number): number {
  return Math.min(Math.max(bytes, 16 * 1024), PACK_BYTES);
}
