import { Config } from '@backstage/config';
import { Knex } from 'knex';
import { StoreEntry } from '../storeConfig';
import { DatabasePackStore } from './DatabasePackStore';
import { DirectoryPackStore } from './directory/DirectoryPackStore';
import { PackStore } from './PackStore';
import { S3PackStore } from './s3/S3PackStore';

/** What stores are made of. */
export type StoreDeps = {
  knex: Knex;
  /** With the credentials for AWS. */
  rootConfig: Config;
};

/** Makes a store as it is configured. Does not reach for it yet. */
export function createStore(
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
