import type nodeFs from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { BytePath, fsPathsIn, toFsPath } from '../tree/bytePath';
import { isSame } from '../tree/diff';
import { Entries, Entry, FileEntry } from '../tree/entries';
import { Folders } from '../tree/Folders';
import { isGone, readableError } from '../tree/fileErrors';

/** Why a workspace cannot be stored. */
export type Problem = {
  /** Names no path: it goes into the database and into what people read of the task. */
  text: string;
  /** What it is about, for the backend's log. */
  path?: BytePath;
};

/** What a scan found. */
export type Scan = {
  /** The paths of all that is as it is known, with its content. */
  unchanged: BytePath[];
  /** All the rest. Files have no content yet, except where `fileEntry` knew it. */
  entries: Entries;
  /** Files and links. */
  files: number;
  /** Bytes of the files. */
  bytes: number;
  /** FIFOs, sockets and devices, which cannot be stored. */
  skipped: BytePath[];
  /** Why it could not look at all of it, if it could not. Then it found only a part. */
  problem?: Problem;
};

/** Which workspace a scan goes through, and what is known of it. */
export type ScanOptions = {
  /** The file system. */
  fs: typeof nodeFs;
  root: BytePath;
  known: Folders;
  maxFiles: number;
  /** The entry of a file, whose content it may know already. */
  fileEntry: (before: Entry | undefined, stat: BigIntStats) => FileEntry;
};

/** Looks at everything in a workspace without reading a file or following a link. */
export function scanWorkspace(options: ScanOptions): Scan {
  const scan: Scan = {
    unchanged: [],
    entries: new Map(),
    files: 0,
    bytes: 0,
    skipped: [],
  };
  scanFolder(options, scan, '');
  return scan;
}

/** Looks again at one path and what is below it, since it was something else when it was to be read. */
export function scanAgain(
  options: ScanOptions,
  scan: Scan,
  path: BytePath,
): void {
  const known = scan.entries.get(path);
  if (known?.kind === 'file') {
    scan.bytes -= known.size;
    scan.files -= 1;
  }
  scan.entries.delete(path);
  scanEntry(options, scan, {
    path,
    fsPath: toFsPath(`${options.root}/${path}`),
    before: options.known.get(path),
  });
}

function scanFolder(options: ScanOptions, scan: Scan, path: BytePath): void {
  const { fs, root } = options;
  const folder = path ? `${root}/${path}` : root;
  let names: BytePath[];
  try {
    names = fs.readdirSync(toFsPath(folder), 'latin1');
  } catch (error: any) {
    if (!isGone(error) || path === '') {
      scan.problem ??= {
        text: `${path ? 'A folder' : 'The folder'} of the workspace cannot be read, ${readableError(error)}`,
        path,
      };
    }
    return;
  }
  const known = options.known.in(path);
  const fsPathOf = fsPathsIn(folder);
  for (const name of names) {
    if (scan.problem) {
      return;
    }
    scanEntry(options, scan, {
      path: path ? `${path}/${name}` : name,
      fsPath: fsPathOf(name),
      before: known.get(name),
    });
  }
}

/** Something to look at. */
type Place = {
  path: BytePath;
  fsPath: string | Buffer;
  /** What is known of it. */
  before: Entry | undefined;
};

function scanEntry(options: ScanOptions, scan: Scan, place: Place): void {
  const { fs, maxFiles, fileEntry } = options;
  const { path, fsPath, before } = place;
  try {
    const stat = fs.lstatSync(fsPath, { bigint: true });
    const mtime = stat.mtimeNs;
    if (stat.isFile()) {
      add(scan, place, fileEntry(before, stat));
      scan.files += 1;
      scan.bytes += Number(stat.size);
    } else if (stat.isDirectory()) {
      const mode = permissions(stat);
      add(scan, place, { kind: 'folder', mode, mtime });
      scanFolder(options, scan, path);
    } else if (stat.isSymbolicLink()) {
      const target = fs.readlinkSync(fsPath, 'latin1');
      add(scan, place, { kind: 'link', mtime, target });
      scan.files += 1;
    } else {
      scan.skipped.push(path);
    }
  } catch (error: any) {
    // It was there a moment ago. `EINVAL`: it is no longer a link.
    if (!isGone(error) && error.code !== 'EINVAL') {
      const text = `A path cannot be looked at, ${readableError(error)}`;
      scan.problem ??= { text, path };
    }
    return;
  }
  if (scan.entries.size + scan.unchanged.length > maxFiles) {
    scan.problem ??= {
      text: `There are more than ${maxFiles.toLocaleString('en')} files and folders`,
    };
  }
}

function add(scan: Scan, { path, before }: Place, entry: Entry): void {
  if (before && isUnchanged(before, entry)) {
    scan.unchanged.push(path);
  } else {
    scan.entries.set(path, entry);
  }
}

/** Whether an entry is as it is known. A file whose content is not known is not: it has to be read. */
function isUnchanged(before: Entry, entry: Entry): boolean {
  return entry.kind === 'file'
    ? before === entry && entry.pieces !== undefined
    : before.mtime === entry.mtime && isSame(before, entry) === true;
}

/** The bits that `chmod` takes. */
export function permissions(stat: BigIntStats): number {
  // eslint-disable-next-line no-bitwise
  return Number(stat.mode) & 0o7777;
}
