import { randomBytes } from 'node:crypto';
import { Entries, Entry, FileEntry, Piece } from '../tree/entries';
import { decodeManifest, encodeManifest } from './manifestFormat';

const PACK = '01234567-89ab-4cde-8f01-23456789abcd';

function piece(): Piece {
  const hash = randomBytes(32).toString('latin1');
  return { hash, length: 10, pack: PACK, offset: 0 };
}

function file(pieces: Piece[], more: Partial<FileEntry> = {}): FileEntry {
  const size = 10 * pieces.length;
  return { kind: 'file', mode: 0o644, mtime: 5n, size, pieces, ...more };
}

/** What is read of a delta once it was written. */
function roundTrip(before: Entries, entries: Entries, removed: string[]) {
  const stored = encodeManifest({ isFull: false, removed, entries }, before);
  return { stored, manifest: decodeManifest(stored, before) };
}

describe('a delta', () => {
  it('repeats no hash of files that were moved, touched or given another mode', () => {
    const before: Entries = new Map();
    const entries: Entries = new Map();
    const removed: string[] = [];
    for (let i = 0; i < 1000; i++) {
      const old = file([piece(), piece()]);
      const isMoved = i % 2 === 0;
      before.set(`old/${i}`, old);
      entries.set(`${isMoved ? 'new' : 'old'}/${i}`, {
        ...old,
        mode: 0o755,
        mtime: 6n,
      });
      if (isMoved) {
        removed.push(`old/${i}`);
      }
    }
    const { stored, manifest } = roundTrip(before, entries, removed);
    expect(stored.length).toBeLessThan(1000 * 10);
    expect(manifest).toEqual({ isFull: false, removed, entries });
  });

  it('has the content of new files, of those that differ, and of those without any', () => {
    const before: Entries = new Map<string, Entry>([
      ['same', file([piece()])],
      ['longer', file([piece()])],
      ['gone', file([])],
      ['link', { kind: 'link', mtime: 1n, target: 'same' }],
    ]);
    const [content] = (before.get('longer') as FileEntry).pieces!;
    const entries: Entries = new Map<string, Entry>([
      ['longer', file([content, piece()])],
      ['new', file([piece()])],
      ['empty', file([])],
      ['link', file([piece()])],
    ]);
    const { manifest } = roundTrip(before, entries, ['gone']);
    expect(manifest.entries).toEqual(entries);
  });

  it('is refused if what it builds on does not have the content that it names', () => {
    const content = [piece()];
    const { stored } = roundTrip(
      new Map([['old', file(content)]]),
      new Map([['new', file(content)]]),
      ['old'],
    );
    for (const before of [
      new Map(),
      new Map([['old', { kind: 'folder' as const, mode: 0o755, mtime: 1n }]]),
    ]) {
      expect(() => decodeManifest(stored, before)).toThrow(
        'It has content of a file that was not there before',
      );
    }
  });
});
