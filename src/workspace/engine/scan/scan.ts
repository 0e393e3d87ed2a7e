import type nodeFs from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { BytePath, toFsPath } from '../tree/bytePath';
import { Entries, Entry } from '../tree/entries';
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
  /** Folders stand before what is in them. Files have no content yet, except where `reuse` gave it. */
  entries: Entries;
  /** Files and links. */
  files: number;
  /** Bytes of the files. */
  bytes: number;
  /** FIFOs, sockets and devices, which cannot be stored. */
  skipped: BytePath[];
  /** Why it could not look at all of it, if it could not. Then `entries` are only a part. */
  problem?: Problem;
};

export type ScanOptions = {
  /** The file system. */
  fs: typeof nodeFs;
  root: BytePath;
  maxFiles: number;
  /** The entry of a file, whose content it may know already. */
  fileEntry: (path: BytePath, stat: BigIntStats) => Entry;
};

/** Looks at everything in a workspace without reading a file or following a link. */
export function scanWorkspace(options: ScanOptions): Scan {
  const scan: Scan = { entries: new Map(), files: 0, bytes: 0, skipped: [] };
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
  scanEntry(options, scan, path);
}

function scanFolder(options: ScanOptions, scan: Scan, path: BytePath): void {
  const { fs, root } = options;
  let names: BytePath[];
  try {
    names = fs.readdirSync(toFsPath(path ? `${root}/${path}` : root), 'latin1');
  } catch (error: any) {
    if (!isGone(error) || path === '') {
      scan.problem ??= {
        text: `${path ? 'A folder' : 'The folder'} of the workspace cannot be read, ${readableError(error)}`,
        path,
      };
    }
    return;
  }
  for (const name of names) {
    if (scan.problem) {
      return;
    }
    scanEntry(options, scan, path ? `${path}/${name}` : name);
  }
}

function scanEntry(options: ScanOptions, scan: Scan, path: BytePath): void {
  const { fs, root, maxFiles, fileEntry } = options;
  try {
    const fsPath = toFsPath(`${root}/${path}`);
    const stat = fs.lstatSync(fsPath, { bigint: true });
    if (stat.isFile()) {
      scan.entries.set(path, fileEntry(path, stat));
      scan.files += 1;
      scan.bytes += Number(stat.size);
    } else if (stat.isDirectory()) {
      const mode = permissions(stat);
      scan.entries.set(path, { kind: 'folder', mode, mtime: stat.mtimeNs });
      scanFolder(options, scan, path);
    } else if (stat.isSymbolicLink()) {
      const target = fs.readlinkSync(fsPath, 'latin1');
      scan.entries.set(path, { kind: 'link', mtime: stat.mtimeNs, target });
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
  if (scan.entries.size > maxFiles) {
    scan.problem ??= {
      text: `There are more than ${maxFiles.toLocaleString('en')} files and folders`,
    };
  }
}

/** The bits that `chmod` takes. */
export function permissions(stat: BigIntStats): number {
  // eslint-disable-next-line no-bitwise
  return Number(stat.mode) & 0o7777;
}
