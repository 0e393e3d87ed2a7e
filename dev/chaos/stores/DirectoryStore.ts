import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosStore } from './ChaosStore';

/** A folder that all backends share, as on a volume that can be away. */
export class DirectoryStore implements ChaosStore {
  readonly config = {};

  private constructor(private readonly folder: string) {}

  /** @param parent - an existing folder, which takes it */
  static async create(parent: string): Promise<DirectoryStore> {
    const folder = path.join(parent, 'store');
    await fs.mkdir(folder);
    return new DirectoryStore(folder);
  }

  get entry() {
    return { type: 'directory', path: this.folder };
  }

  /** Takes it away. Not by its modes, which root is not held back by. */
  async disturb(_: 'storeAway', ms: number): Promise<void> {
    const elsewhere = `${this.folder}-away`;
    await fs.rename(this.folder, elsewhere);
    await sleep(ms);
    // Fails if somebody has made another one in its place.
    await fs.rename(elsewhere, this.folder);
  }

  async list(): Promise<string[]> {
    return fs.readdir(this.folder, { recursive: true });
  }

  async close(): Promise<void> {}
}
