import { Entries, Entry } from './entries';
import { Folders } from './Folders';

const folder: Entry = { kind: 'folder', mode: 0o755, mtime: 1n };
const link: Entry = { kind: 'link', mtime: 1n, target: 'elsewhere' };

function entriesOf(...paths: string[]): Entries {
  return new Map(paths.map(path => [path, path.endsWith('l') ? link : folder]));
}

describe('folders', () => {
  it('find an entry by its path, and all that is in a folder by name', () => {
    const folders = new Folders(entriesOf('a', 'a/b', 'a/b/l', 'l'));
    expect(folders.get('a/b/l')).toBe(link);
    expect(folders.get('b')).toBeUndefined();
    expect(folders.get('a/l')).toBeUndefined();
    expect([...folders.in('').keys()]).toEqual(['a', 'l']);
    expect([...folders.in('a').keys()]).toEqual(['b']);
    expect([...folders.in('a/b').keys()]).toEqual(['l']);
    expect([...folders.in('a/b/l').keys()]).toEqual([]);
  });

  it('have all entries after changes, and count them', () => {
    const folders = new Folders(entriesOf('a', 'a/b', 'a/b/l', 'l'));
    folders.apply({
      removed: ['a/b/l', 'a/b', 'never there'],
      entries: new Map([...entriesOf('c', 'c/l'), ['l', folder]]),
    });
    expect(new Map(folders)).toEqual(
      new Map([...entriesOf('a', 'c', 'c/l'), ['l', folder]]),
    );
    expect(folders.size).toBe(4);
  });
});
