import { Knex } from 'knex';
import {
  DATABASE_STORE,
  SnapshotNeeds,
} from '../../decision/plan/snapshotNeeds';
import { DatabasePackStore } from './DatabasePackStore';
import { PackStore } from './PackStore';

/** A store, and what it is known by. */
export type NamedStore = { id: string; store: PackStore };

/** The stores of this process: the first one is written to, and all are read. */
export class Stores {
  readonly #stores: NamedStore[];

  constructor(first: NamedStore, ...others: NamedStore[]) {
    this.#stores = [first, ...others];
  }

  static inDatabase(knex: Knex): Stores {
    const store = new DatabasePackStore(knex);
    return new Stores({ id: DATABASE_STORE, store });
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
    return { stores: [this.first.id], keys: [] };
  }

  /** All that can be read. */
  get readable(): SnapshotNeeds {
    return { stores: this.#stores.map(({ id }) => id), keys: [] };
  }

  /** Nothing if it is not configured. */
  find(id: string): PackStore | undefined {
    return this.#stores.find(store => store.id === id)?.store;
  }

  /**
   * The content of a pack that is in one of some stores.
   *
   * @param ids - of the stores. Those that are not configured are left out
   * @returns nothing if none of them has it.
   * @throws what a store says that cannot be reached, unless another one has the pack.
   */
  async get(
    taskId: string,
    pack: string,
    ids: string[],
  ): Promise<Uint8Array | undefined> {
    let failure: { error: unknown } | undefined;
    for (const { id, store } of this.#stores) {
      if (ids.includes(id)) {
        try {
          const content = await store.get(taskId, pack);
          if (content) {
            return content;
          }
        } catch (error) {
          failure ??= { error };
        }
      }
    }
    if (failure) {
      throw failure.error;
    }
    return undefined;
  }
}
