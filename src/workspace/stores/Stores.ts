import { SnapshotNeeds } from '../../decision/plan/snapshotNeeds';
import { decryptPack, encryptPack } from '../encryption/encryptedPack';
import { EncryptionKeys } from '../encryption/EncryptionKeys';
import { WorkspaceError } from '../errors';
import { PackStore } from './PackStore';
import { PausingPackStore } from './PausingPackStore';

/** A store, and what it is known by. */
type NamedStore = { id: string; store: PackStore };

/** The stores of this process: the first one is written to, and all are read. */
export class Stores {
  readonly #stores: NamedStore[];
  #keys = new EncryptionKeys([]);

  constructor(first: NamedStore, ...others: NamedStore[]) {
    this.#stores = [first, ...others].map(({ id, store }) => ({
      id,
      store:
        store instanceof PausingPackStore ? store : new PausingPackStore(store),
    }));
  }

  /** The same stores. What is written to them is encrypted, and decrypted when it is read. */
  withKeys(keys: EncryptionKeys): Stores {
    const [first, ...others] = this.#stores;
    const stores = new Stores(first, ...others);
    stores.#keys = keys;
    return stores;
  }

  /** The keys of what is stored. */
  get keys(): EncryptionKeys {
    return this.#keys;
  }

  /** The store that is written to. */
  get first(): NamedStore {
    return this.#stores[0];
  }

  get all(): NamedStore[] {
    return this.#stores;
  }

  /** What is needed to read what is written from now on. */
  get written(): SnapshotNeeds {
    const key = this.#keys.first;
    return { stores: [this.first.id], keys: key ? [key.id] : [] };
  }

  /** All that can be read. */
  get readable(): SnapshotNeeds {
    return {
      stores: this.#stores.map(({ id }) => id),
      keys: this.#keys.ids,
    };
  }

  /** Nothing if it is not configured. */
  find(id: string): PackStore | undefined {
    return this.#stores.find(store => store.id === id)?.store;
  }

  /** Stores a pack in the first store. */
  async put(taskId: string, pack: string, content: Uint8Array): Promise<void> {
    const bytes = encryptPack(this.#keys, { taskId, pack }, content);
    await this.first.store.put(taskId, pack, bytes);
  }

  /** Deletes packs from the first store. */
  async delete(taskId: string, packs: string[]): Promise<void> {
    await this.first.store.delete(taskId, packs);
  }

  /**
   * The content of a pack that is in one of some stores.
   *
   * @param ids - of the stores. Those that are not configured are left out
   * @throws what a store says that cannot be reached, and what `decryptPack` throws, unless another one has the pack.
   * @throws WorkspaceError if none of them has it.
   */
  async get(taskId: string, pack: string, ids: string[]): Promise<Uint8Array> {
    const asked = this.#stores.filter(({ id }) => ids.includes(id));
    let failure: { error: unknown } | undefined;
    for (const { store } of asked) {
      try {
        const content = await store.get(taskId, pack);
        if (content) {
          return decryptPack(this.#keys, { taskId, pack }, content);
        }
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) {
      throw failure.error;
    }
    throw new WorkspaceError(
      [
        `Pack ${pack} is not in the store`,
        ...(await hints(taskId, asked)),
      ].join('. '),
    );
  }
}

/** What to do about stores that have nothing of a task. */
async function hints(taskId: string, stores: NamedStore[]): Promise<string[]> {
  const found: string[] = [];
  for (const { id, store } of stores) {
    const { ifNothingIsThere } = store;
    if (ifNothingIsThere && (await store.list(taskId)).length === 0) {
      found.push(
        `The store ${id} has nothing of this task. ${ifNothingIsThere}`,
      );
    }
  }
  return found;
}
