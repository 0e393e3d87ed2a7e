import { Config } from '@backstage/config';
import { Knex } from 'knex';
import { StoreEntry, storeId } from '../storeConfig';
import { DatabasePackStore } from './DatabasePackStore';
import { DirectoryPackStore } from './directory/DirectoryPackStore';
import { PackStore } from './PackStore';
import { S3PackStore } from './s3/S3PackStore';
import { Stores } from './Stores';

/** What stores are made of. */
type StoreDeps = {
  knex: Knex;
  /** With the credentials for AWS. */
  rootConfig: Config;
};

/** The stores that are configured. Reaches for none of them yet. */
export function openStores(entries: StoreEntry[], deps: StoreDeps): Stores {
  const [first, ...others] = entries.map(entry => ({
    id: storeId(entry),
    store: createStore(entry, deps),
  }));
  return new Stores(first, ...others);
}

function createStore(
  entry: StoreEntry,
  { knex, rootConfig }: StoreDeps,
): PackStore {
  switch (entry.type) {
    case 'directory':
      return new DirectoryPackStore(entry.path);
    case 's3':
      return new S3PackStore(entry, rootConfig);
    default:
      return new DatabasePackStore(knex);
  }
}
