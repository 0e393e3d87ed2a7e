import { BytePath } from './bytePath';
import { Entries, Entry, FileEntry } from './entries';
import { Folders } from './Folders';

/** What makes other entries of some entries. */
export type Changes = {
  /** What is new or differs. */
  entries: Entries;
  removed: BytePath[];
};

/** How a workspace differs, times included, from what it was before. */
type Difference = Changes & {
  /** Whether anything but times differs. Null if that is not known, since the content of a file is not known. */
  changed: boolean | null;
};

/** Changes entries in place. */
export function applyChanges(to: Entries, { entries, removed }: Changes): void {
  removed.forEach(path => to.delete(path));
  entries.forEach((entry, path) => to.set(path, entry));
}

/**
 * Compares a workspace with what it was before.
 *
 * @param now.unchanged - what is known to be the same
 * @param now.entries - all the rest
 */
export function diff(
  before: Folders,
  now: { unchanged: BytePath[]; entries: Entries },
): Difference {
  const entries: Entries = new Map();
  let isChanged = false;
  let isUnclear = false;
  let kept = now.unchanged.length;
  for (const [path, entry] of now.entries) {
    const old = before.get(path);
    kept += old ? 1 : 0;
    if (old === entry) {
      continue;
    }
    const same = old && isSame(old, entry);
    isChanged ||= same === false || !old;
    isUnclear ||= same === undefined;
    if (!same || old?.mtime !== entry.mtime) {
      entries.set(path, entry);
    }
  }
  const removed = kept < before.size ? missingFrom(now, before) : [];
  isChanged ||= removed.length > 0;
  return { entries, removed, changed: isChanged || (isUnclear ? null : false) };
}

function missingFrom(
  { unchanged, entries }: { unchanged: BytePath[]; entries: Entries },
  before: Folders,
): BytePath[] {
  const same = new Set(unchanged);
  return Array.from(before, ([path]) => path).filter(
    path => !same.has(path) && !entries.has(path),
  );
}

/** Whether two entries are the same but for their times; nothing if that is not known. */
export function isSame(a: Entry, b: Entry): boolean | undefined {
  switch (a.kind) {
    case 'folder':
      return b.kind === a.kind && a.mode === b.mode;
    case 'link':
      return b.kind === a.kind && a.target === b.target;
    default:
      return b.kind === a.kind && a.mode === b.mode && a.size === b.size
        ? isSameContent(a, b)
        : false;
  }
}

function isSameContent(a: FileEntry, b: FileEntry): boolean | undefined {
  if (!a.pieces || !b.pieces) {
    return isUntouched(a, b) || undefined;
  }
  return (
    a.pieces.length === b.pieces.length &&
    a.pieces.every((piece, i) => piece.hash === b.pieces![i].hash)
  );
}

function isUntouched(a: FileEntry, b: FileEntry): boolean {
  return (
    a.mtime === b.mtime &&
    a.seen !== undefined &&
    a.seen.ino === b.seen?.ino &&
    a.seen.ctime === b.seen.ctime
  );
}
