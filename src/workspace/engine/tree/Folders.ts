import { BytePath, nameOf, parentOf } from './bytePath';
import { Changes } from './diff';
import { Entries, Entry } from './entries';

const NOTHING: ReadonlyMap<BytePath, Entry> = new Map();

/**
 * Entries by folder. A scan asks for one folder after another, and so need not look up each path in one large map, which takes several times
 * as long.
 */
export class Folders {
  /** By path of the folder, '' for the root, and by name. */
  readonly #folders = new Map<BytePath, Map<BytePath, Entry>>();
  #size = 0;

  constructor(entries: Entries) {
    this.#add(entries);
  }

  get size(): number {
    return this.#size;
  }

  get(path: BytePath): Entry | undefined {
    return this.in(parentOf(path)).get(nameOf(path));
  }

  /** What is in a folder, by name. */
  in(folder: BytePath): ReadonlyMap<BytePath, Entry> {
    return this.#folders.get(folder) ?? NOTHING;
  }

  *[Symbol.iterator](): Generator<[BytePath, Entry]> {
    for (const [folder, entries] of this.#folders) {
      for (const [name, entry] of entries) {
        yield [folder ? `${folder}/${name}` : name, entry];
      }
    }
  }

  apply({ removed, entries }: Changes): void {
    for (const path of removed) {
      const folder = this.#folders.get(parentOf(path));
      if (folder?.delete(nameOf(path))) {
        this.#size -= 1;
        if (folder.size === 0) {
          this.#folders.delete(parentOf(path));
        }
      }
    }
    this.#add(entries);
  }

  #add(entries: Entries): void {
    for (const [path, entry] of entries) {
      const parent = parentOf(path);
      const folder = this.#folders.get(parent) ?? new Map<BytePath, Entry>();
      this.#folders.set(parent, folder);
      this.#size += folder.has(nameOf(path)) ? 0 : 1;
      folder.set(nameOf(path), entry);
    }
  }
}
