import { BytePath, isBelowRoot } from '../tree/bytePath';
import { ByteReader } from './ByteReader';
import { ByteWriter } from './ByteWriter';
import { Entries, Entry, FileEntry, Piece } from '../tree/entries';
import { FormerContent } from './FormerContent';
import { compress, decompress, PACK_BYTES } from '../packs/packFormat';

/** What a manifest says. A full one has all entries and removes nothing. */
export type Manifest = {
  isFull: boolean;
  removed: BytePath[];
  entries: Entries;
};

/** Changes with everything that an older release could misread. */
const VERSION = 1;

/** The second byte of a manifest, which the database side reads as well. */
const DELTA = 0;
const FULL = 1;

/** `sameFile` is a file with the content of one that was there before. */
const KINDS = ['folder', 'link', 'file', 'sameFile'] as const;
const HASH_BYTES = 32;
const UUID_BYTES = 16;

/** A workspace of a million files has about 100 MB of manifest. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Whether the first part of a stored manifest belongs to a full one. */
export function isFullManifest(firstPart: Uint8Array): boolean {
  return firstPart[1] === FULL;
}

/**
 * @param before - what the snapshot consists of that a delta builds on
 */
export function encodeManifest(
  manifest: Manifest,
  before: Pick<Entries, 'get'> = new Map(),
): Buffer {
  const former = new FormerContent(before, manifest.removed);
  const packs = new Map<string, number>();
  const body = new ByteWriter();
  body.number(manifest.removed.length);
  manifest.removed.forEach(path => body.bytes(path));
  body.number(manifest.entries.size);
  for (const [path, entry] of manifest.entries) {
    writeEntry(body, { packs, former }, path, entry);
  }
  const head = new ByteWriter();
  head.number(packs.size);
  for (const pack of packs.keys()) {
    head.fixed(Buffer.from(pack.replaceAll('-', ''), 'hex').toString('latin1'));
  }
  return Buffer.concat([
    Buffer.from([VERSION, manifest.isFull ? FULL : DELTA]),
    compress(Buffer.concat([head.finish(), body.finish()])),
  ]);
}

/**
 * @param before - as `encodeManifest` was given it
 * @throws Error that says what is wrong with it, if it cannot be read or names a place that is not in the workspace.
 */
export function decodeManifest(
  stored: Buffer,
  before: Entries = new Map(),
): Manifest {
  if (stored[0] !== VERSION) {
    throw new Error(
      `It has version ${stored[0]}, this release reads version ${VERSION}`,
    );
  }
  const reader = new ByteReader(decompress(stored.subarray(2), MAX_BYTES));
  const packs = times(reader.number(), () => readPackId(reader));
  const removed = times(reader.number(), () => reader.bytes());
  const former = new FormerContent(before, removed);
  const entries: Entries = new Map();
  for (let rest = reader.number(); rest > 0; rest--) {
    const path = reader.bytes();
    if (!isBelowRoot(path)) {
      throw new Error('It has a path that is not in the workspace');
    }
    entries.set(path, readEntry(reader, { packs, former }, path));
  }
  if (!reader.isAtEnd) {
    throw new Error('It goes on after its end');
  }
  return { isFull: isFullManifest(stored), removed, entries };
}

function writeEntry(
  body: ByteWriter,
  { packs, former }: { packs: Map<string, number>; former: FormerContent },
  path: BytePath,
  entry: Entry,
): void {
  const source = entry.kind === 'file' ? former.find(path, entry) : undefined;
  const kind = source === undefined ? entry.kind : 'sameFile';
  body.bytes(path);
  body.byte(KINDS.indexOf(kind));
  body.bigint(entry.mtime);
  if (entry.kind === 'link') {
    body.bytes(entry.target);
    return;
  }
  body.number(entry.mode);
  if (source !== undefined) {
    body.number(source);
  } else if (entry.kind === 'file') {
    writePieces(body, packs, entry.pieces!);
  }
}

function writePieces(
  body: ByteWriter,
  packs: Map<string, number>,
  pieces: Piece[],
): void {
  body.number(pieces.length);
  for (const { hash, length, pack, offset } of pieces) {
    if (!packs.has(pack)) {
      packs.set(pack, packs.size);
    }
    body.fixed(hash);
    body.number(packs.get(pack)!);
    body.number(offset);
    body.number(length);
  }
}

function readEntry(
  reader: ByteReader,
  { packs, former }: { packs: string[]; former: FormerContent },
  path: BytePath,
): Entry {
  const kind = KINDS[reader.byte()];
  const mtime = reader.bigint();
  switch (kind) {
    case 'link':
      return { kind, mtime, target: reader.bytes() };
    case 'folder':
      return { kind, mtime, mode: reader.number() };
    case 'file': {
      const mode = reader.number();
      const pieces = times(reader.number(), () => readPiece(reader, packs));
      return fileOf(mode, mtime, pieces);
    }
    case 'sameFile': {
      const mode = reader.number();
      const pieces = former.read(path, reader.number());
      if (!pieces) {
        throw new Error('It has content of a file that was not there before');
      }
      return fileOf(mode, mtime, pieces);
    }
    default:
      throw new Error('It has an entry of an unknown kind');
  }
}

function fileOf(mode: number, mtime: bigint, pieces: Piece[]): FileEntry {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { kind: 'file', mode, mtime, size, pieces };
}

function readPiece(reader: ByteReader, packs: string[]): Piece {
  const hash = reader.fixed(HASH_BYTES);
  const pack = packs[reader.number()];
  const offset = reader.number();
  const length = reader.number();
  if (!pack || offset + length > PACK_BYTES) {
    throw new Error('It has content that is in no pack');
  }
  return { hash, length, pack, offset };
}

function readPackId(reader: ByteReader): string {
  return Buffer.from(reader.fixed(UUID_BYTES), 'latin1')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function times<T>(count: number, read: () => T): T[] {
  const values: T[] = [];
  for (let i = 0; i < count; i++) {
    values.push(read());
  }
  return values;
}
