import { Knex } from 'knex';
import { StoreEntry } from '../storeConfig';
import { DatabasePackStore } from './DatabasePackStore';
import { DirectoryPackStore } from './DirectoryPackStore';
import { PackStore } from './PackStore';

/** What stores are made of. */
export type StoreDeps = { knex: Knex };

/** Makes a store as it is configured. Does not reach for it yet. */
export function createStore(entry: StoreEntry, { knex }: StoreDeps): PackStore {
  switch (entry.type) {
    case 'directory':
      return new DirectoryPackStore(entry.path);
    default:
      return new DatabasePackStore(knex);
  }
}
