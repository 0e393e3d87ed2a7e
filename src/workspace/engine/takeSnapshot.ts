import type nodeFs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BytePath } from './tree/bytePath';
import { applyChanges, Changes, diff } from './tree/diff';
import { Entries, FileEntry, Piece } from './tree/entries';
import { FileEntries } from './scan/FileEntries';
import { readableError } from './tree/fileErrors';
import { FileReader } from './scan/FileReader';
import { Chain, KnownWorkspace, NOT_STORED } from './manifest/KnownWorkspace';
import { encodeManifest } from './manifest/manifestFormat';
import { PackWriter, PutPack } from './packs/PackWriter';
import {
  Problem,
  Scan,
  scanAgain,
  ScanOptions,
  scanWorkspace,
} from './scan/scan';

/** More of it in a workspace, and it is not stored. */
export type Limits = {
  maxBytes: number;
  /** Files, links and folders. */
  maxFiles: number;
};

/** What a snapshot found, and what it stored. */
export type Snapshot = {
  /** Whether it differs from the snapshot before it in more than times. Null if that is not known. */
  changed: boolean | null;
  /** Why the content is not stored, if it is not. Names no path. */
  missing: string | null;
  /** The path that `missing` is about, if it is about one. */
  missingAt?: BytePath;
  files: number;
  bytes: number;
  /** Bytes in the store, the manifest included. */
  storedBytes: number;
  /** Not there if nothing at all differs from the snapshot before it. */
  manifest?: Buffer;
  /** FIFOs, sockets and devices, which cannot be stored. */
  skipped: BytePath[];
  /** What is known to be different once it is recorded. */
  next: Changes & { chain: Chain };
};

/** A restore reads all manifests since the last full one. */
const MAX_CHAIN = 16;

/** Below this size a full manifest costs no more than a delta. */
const SMALL_MANIFEST = 4 * 1024;

/** How long other work of the thread may have to wait, in ms. */
const TURN = 50;

/** How often a path is looked at again that is something else each time. */
const MAX_LOOKS = 5;

/**
 * Compares a workspace with its last snapshot, and stores what is new.
 *
 * @throws what the store says if it cannot store.
 */
export async function takeSnapshot(options: {
  fs: typeof nodeFs;
  root: BytePath;
  known: KnownWorkspace;
  limits: Limits;
  put: PutPack;
  /** ms since 1970 */
  now: number;
}): Promise<Snapshot> {
  const { fs, root, known, limits, put, now } = options;
  const files = new FileEntries(known.entries, BigInt(Math.floor(now * 1e6)));
  const scanOptions: ScanOptions = {
    fs,
    root,
    known: known.entries,
    maxFiles: limits.maxFiles,
    fileEntry: (before, stat) => files.find(before, stat),
  };
  const scan = scanWorkspace(scanOptions);
  const packs = new PackWriter(put);
  const missing =
    whyNotStored(scan, limits) ??
    (await readContent(scanOptions, scan, files, known, packs)) ??
    whyNotStored(scan, limits);
  // The store is at work while the manifest is made.
  const stored = packs.finish();
  const snapshot = missing
    ? missingSnapshot(scan, known, missing, packs.storedBytes)
    : storedSnapshot(scan, known, packs.storedBytes);
  await stored;
  return snapshot;
}

function whyNotStored(scan: Scan, limits: Limits): Problem | undefined {
  if (scan.problem) {
    return scan.problem;
  }
  return scan.bytes > limits.maxBytes
    ? {
        text: `The files have ${formatMb(scan.bytes)}, and at most ${formatMb(limits.maxBytes)} are stored`,
      }
    : undefined;
}

/** Reads all files whose content is not known. Returns why one cannot be read, if so. */
async function readContent(
  options: ScanOptions,
  scan: Scan,
  files: FileEntries,
  known: KnownWorkspace,
  packs: PackWriter,
): Promise<Problem | undefined> {
  const added = new Map<string, Piece>();
  const reader = new FileReader(options.fs, (hash, bytes) => {
    const stored = known.find(hash) ?? added.get(hash);
    if (stored) {
      return stored;
    }
    const piece = { hash, length: bytes.length, ...packs.add(bytes) };
    added.set(hash, piece);
    return packs.isFull ? packs.room().then(() => piece) : piece;
  });
  const looks = new Map<BytePath, number>();
  let turnEnds = performance.now() + TURN;
  // What `scanAgain` adds comes at the end of the same iteration.
  for (const [path, entry] of scan.entries) {
    if (entry.kind !== 'file' || entry.pieces) {
      continue;
    }
    if (performance.now() > turnEnds) {
      await nextTurn();
      turnEnds = performance.now() + TURN;
    }
    try {
      const read = await reader.read(`${options.root}/${path}`);
      if (!read) {
        looks.set(path, (looks.get(path) ?? 0) + 1);
        if (looks.get(path)! > MAX_LOOKS) {
          const text =
            'A file is something else each time that it is looked at';
          return { text, path };
        }
        scanAgain(options, scan, path);
        continue;
      }
      scan.bytes += read.size - entry.size;
      const fresh: FileEntry = files.create(read.stat, read.size);
      fresh.pieces = read.pieces;
      if (!read.isStable) {
        fresh.seen = undefined;
      }
      scan.entries.set(path, fresh);
    } catch (error: any) {
      if (!error.syscall) {
        throw error;
      }
      return { text: `A file cannot be read, ${readableError(error)}`, path };
    }
  }
  return undefined;
}

function missingSnapshot(
  scan: Scan,
  known: KnownWorkspace,
  missing: Problem,
  storedBytes: number,
): Snapshot {
  // What a scan that was broken off did not see is not gone.
  const difference = scan.problem ? undefined : diff(known.entries, scan);
  return {
    changed: difference?.changed ?? null,
    missing: missing.text,
    missingAt: missing.path,
    files: scan.files,
    bytes: scan.bytes,
    storedBytes,
    skipped: scan.skipped,
    next: {
      entries: difference ? scan.entries : new Map(),
      removed: difference?.removed ?? [],
      chain: NOT_STORED,
    },
  };
}

function storedSnapshot(
  scan: Scan,
  known: KnownWorkspace,
  packBytes: number,
): Snapshot {
  const { entries, removed, changed } = diff(known.entries, scan);
  const now = { entries: scan.entries, removed };
  const { manifest, chain } =
    known.chain.length > 0 && entries.size + removed.length === 0
      ? { manifest: undefined, chain: known.chain }
      : chooseManifest(known, { entries, removed }, now);
  return {
    // What is not known counts as changed: then the plan has a step run again that it could have skipped.
    changed: changed ?? true,
    missing: null,
    files: scan.files,
    bytes: scan.bytes,
    storedBytes: packBytes + (manifest?.length ?? 0),
    manifest,
    skipped: scan.skipped,
    next: { ...now, chain },
  };
}

/** A delta, unless there are so many of them that a restore would have to read more than it gains. */
function chooseManifest(
  known: KnownWorkspace,
  difference: Changes,
  now: Changes,
): { manifest: Buffer; chain: Chain } {
  const { length, fullBytes, deltaBytes } = known.chain;
  if (length > 0 && length < MAX_CHAIN) {
    const delta = { isFull: false, ...difference };
    const manifest = encodeManifest(delta, known.entries);
    const bytes = deltaBytes + manifest.length;
    if (bytes <= Math.max(fullBytes, SMALL_MANIFEST)) {
      const chain = { length: length + 1, fullBytes, deltaBytes: bytes };
      return { manifest, chain };
    }
  }
  const entries: Entries = new Map(known.entries);
  applyChanges(entries, now);
  const manifest = encodeManifest({ isFull: true, removed: [], entries });
  const chain = { length: 1, fullBytes: manifest.length, deltaBytes: 0 };
  return { manifest, chain };
}

function formatMb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
