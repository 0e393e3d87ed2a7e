import { Config } from '@backstage/config';
import os from 'node:os';
import path from 'node:path';
import { DATABASE_STORE } from '../decision/plan/snapshotNeeds';
import { WORKING_DIRECTORY } from '../scaffolder/settings/settings';
import { didYouMean } from '../template/didYouMean';
import { STORES } from '../util/ownSettings';
import { readS3Bucket, S3_KEYS } from './stores/s3/readS3Bucket';
import { S3Bucket } from './stores/s3/S3Bucket';

/** A store as it is configured. */
export type StoreEntry = DatabaseEntry | DirectoryEntry | S3Entry;

/** The scaffolder's database. */
export type DatabaseEntry = { type: 'database' };

/** A folder that all replicas share. */
export type DirectoryEntry = {
  type: 'directory';
  /** Absolute. */
  path: string;
};

/** A bucket of S3, or of what speaks its protocol. */
export type S3Entry = { type: 's3' } & S3Bucket;

const DEFAULT: StoreEntry[] = [{ type: 'database' }];

/** An entry of the list, and where it stands. */
type Block = { config: Config; key: string; root: Config };

/** By type: the keys beside `type` that an entry may have, and what reads it. That throws an Error that says what is wrong. */
const TYPES: {
  [T in StoreEntry['type']]: {
    keys: string[];
    read(block: Block): Extract<StoreEntry, { type: T }>;
  };
} = {
  database: { keys: [], read: () => ({ type: 'database' }) },
  directory: { keys: ['path'], read: readDirectory },
  s3: {
    keys: S3_KEYS,
    read: block => ({ type: 's3', ...readS3Bucket(block) }),
  },
};

/** What a store is known by. It is recorded with what is stored there, so it must stay the same. */
export function storeId(entry: StoreEntry): string {
  switch (entry.type) {
    case 'directory':
      return `directory:${entry.path}`;
    case 's3':
      return `s3:${serverOf(entry)}${entry.bucket}/${entry.prefix ?? ''}`;
    default:
      return DATABASE_STORE;
  }
}

/** The server, unless it is Amazon's: another one can have a bucket of the same name. */
function serverOf({ endpoint }: S3Bucket): string {
  return endpoint ? `${new URL(endpoint).host}/` : '';
}

/**
 * Reads where the files of running tasks are stored: in the first one, and found in all.
 *
 * @param problems - gets what is wrong with it, if anything is
 */
export function readStores(root: Config, problems: string[]): StoreEntry[] {
  if (!root.has(STORES)) {
    return DEFAULT;
  }
  let blocks: Config[];
  try {
    blocks = root.getConfigArray(STORES);
  } catch {
    blocks = [];
  }
  if (blocks.length === 0) {
    problems.push(
      `${STORES} is ${JSON.stringify(
        root.getOptional(STORES),
      )}; it must be a list of at least one store, such as [{ type: database }].`,
    );
    return DEFAULT;
  }
  const entries: StoreEntry[] = [];
  const seen = new Map<string, string>();
  for (const [i, config] of blocks.entries()) {
    const key = `${STORES}[${i}]`;
    try {
      const entry = readEntry({ config, key, root });
      const other = seen.get(storeId(entry));
      if (other) {
        throw new Error(`${key} is the same store as ${other}. Remove one.`);
      }
      seen.set(storeId(entry), key);
      entries.push(entry);
    } catch (error: any) {
      problems.push(error.message);
    }
  }
  return entries;
}

function readEntry(block: Block): StoreEntry {
  const { config, key } = block;
  const type = config.getOptional('type');
  if (typeof type !== 'string' || !Object.hasOwn(TYPES, type)) {
    const known = Object.keys(TYPES);
    const hint = typeof type === 'string' ? didYouMean(type, known) : '';
    throw new Error(
      `${key}.type is ${JSON.stringify(type)}; it must be one of ${known.join(', ')}${hint || '.'}`,
    );
  }
  const { keys, read } = TYPES[type as StoreEntry['type']];
  const unknown = config.keys().find(k => k !== 'type' && !keys.includes(k));
  if (unknown !== undefined) {
    throw new Error(
      `${key} has the key '${unknown}', which a store of the type ${type} does not have${didYouMean(unknown, keys) || '.'} Known are ${['type', ...keys].join(', ')}.`,
    );
  }
  return read(block);
}

function readDirectory({ config, key, root }: Block): DirectoryEntry {
  const found = config.getOptional('path');
  if (typeof found !== 'string' || !path.isAbsolute(found)) {
    throw new Error(
      `${key}.path is ${JSON.stringify(found)}; it must be the absolute path of a folder that all replicas share.`,
    );
  }
  const directory = path.resolve(found);
  const working = root.getOptional(WORKING_DIRECTORY) ?? os.tmpdir();
  if (typeof working === 'string' && path.resolve(working) === directory) {
    throw new Error(
      `${key}.path is ${directory}, where tasks have their workspaces (${WORKING_DIRECTORY}, or the temp folder of the system). Use another folder.`,
    );
  }
  return { type: 'directory', path: directory };
}
