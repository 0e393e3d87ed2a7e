import { BytePath } from './bytePath';
import { Entries, Entry, FileEntry } from './entries';

/** How a workspace differs from what it was before. */
export type Difference = {
  /** What is new or differs, times included. */
  entries: Entries;
  removed: BytePath[];
  /** Whether anything but times differs. Null if that cannot be told, since the content of a file is not known. */
  changed: boolean | null;
};

/** Compares the entries of a workspace with those before. */
export function diff(before: Entries, now: Entries): Difference {
  const entries: Entries = new Map();
  let isChanged = false;
  let isUnclear = false;
  for (const [path, entry] of now) {
    const old = before.get(path);
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
  const removed = [...before.keys()].filter(path => !now.has(path));
  isChanged ||= removed.length > 0;
  return { entries, removed, changed: isChanged || (isUnclear ? null : false) };
}

/** Whether two entries are the same but for their times; nothing if it cannot be told. */
function isSame(a: Entry, b: Entry): boolean | undefined {
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
