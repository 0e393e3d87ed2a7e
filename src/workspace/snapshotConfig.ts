import { Config } from '@backstage/config';
import { SnapshotNeeds } from '../decision/plan/snapshotNeeds';
import { EncryptionKeys } from './encryption/EncryptionKeys';
import { readEncryptionKeys } from './encryption/readEncryptionKeys';
import {
  RECOVERY_PROVIDER,
  WORKSPACE_PROVIDER,
} from '../scaffolder/settings/settings';
import { isBlock, unknownKeys } from '../template/dependencies';
import { readSeconds } from '../util/durations';
import { readStores, StoreEntry, storeId } from './storeConfig';

/** Of which workspaces snapshots are made, where they are stored, and how long they are kept. */
export type SnapshotConfig = {
  /** The largest workspace. */
  maxBytes: number;
  /** The most files, folders and links in one. */
  maxFiles: number;
  /** How long they are kept when a task failed or was cancelled. */
  keepSeconds: number;
  /** Where they are stored: in the first one. They are found in all. */
  stores: StoreEntry[];
  /** What encrypts them. */
  keys: EncryptionKeys;
  /** The stores and keys that snapshots can be read with. */
  readable: SnapshotNeeds;
};

const BLOCK = 'scaffolder.recoverTasksWorkspaces';
const ENABLED = `${BLOCK}.enabled`;
const KEYS = [
  'enabled',
  'maxMegabytes',
  'maxFiles',
  'keepFor',
  'stores',
  'encryptionKeys',
];

const MEGABYTE = 1_000_000;
const DEFAULT_MAX_MEGABYTES = 1000;
const DEFAULT_MAX_FILES = 100_000;
const DEFAULT_KEEP = 24 * 3600;

/** Whether somebody wants no snapshots. Never throws. */
export function areSnapshotsOff(config: Config): boolean {
  try {
    return config.getOptionalBoolean(ENABLED) === false;
  } catch {
    // No truth value: told when it is read.
    return false;
  }
}

/**
 * Reads what is kept of the files of running tasks.
 *
 * @param workspaceProvider - that the scaffolder uses
 * @param problems - gets what is wrong with it, if anything is
 * @returns nothing if snapshots are switched off, or another provider keeps the files.
 */
export function readSnapshotConfig(
  config: Config,
  workspaceProvider: string | undefined,
  problems: string[],
): SnapshotConfig | undefined {
  const block = config.getOptional(BLOCK) ?? {};
  if (!isBlock(block)) {
    problems.push(
      `${BLOCK} is ${JSON.stringify(block)}; it must be an object, such as { enabled: false }.`,
    );
    return undefined;
  }
  const found = problems.length;
  // As for a key of a store: who writes `encryptionKey` would have files stored that anybody can read.
  for (const { key, hint } of unknownKeys(block, KEYS)) {
    problems.push(
      `${BLOCK}.${key} is unknown${hint || '.'} Known are ${KEYS.join(', ')}.`,
    );
  }
  const enabled = readEnabled(config, problems);
  const maxMegabytes = readNumber(
    config,
    { key: 'maxMegabytes', ifUnset: DEFAULT_MAX_MEGABYTES },
    problems,
  );
  const maxFiles = readNumber(
    config,
    { key: 'maxFiles', ifUnset: DEFAULT_MAX_FILES },
    problems,
  );
  const keepFor = readSeconds(
    config,
    [`${BLOCK}.keepFor`],
    DEFAULT_KEEP,
    problems,
  );
  const stores = readStores(config, problems);
  const keys = readEncryptionKeys(config, problems);
  if (!enabled && workspaceProvider === RECOVERY_PROVIDER) {
    problems.push(
      `${WORKSPACE_PROVIDER} is '${RECOVERY_PROVIDER}', but ${ENABLED} is false. Remove one of the two.`,
    );
  }
  return problems.length === found && workspaceProvider === RECOVERY_PROVIDER
    ? {
        maxBytes: maxMegabytes * MEGABYTE,
        maxFiles,
        keepSeconds: keepFor.seconds,
        stores,
        keys,
        readable: { stores: stores.map(storeId), keys: keys.ids },
      }
    : undefined;
}

function readEnabled(config: Config, problems: string[]): boolean {
  try {
    return config.getOptionalBoolean(ENABLED) ?? true;
  } catch {
    problems.push(
      `${ENABLED} is ${JSON.stringify(
        config.getOptional(ENABLED),
      )}; it must be true or false.`,
    );
    return true;
  }
}

function readNumber(
  config: Config,
  { key, ifUnset }: { key: string; ifUnset: number },
  problems: string[],
): number {
  const fullKey = `${BLOCK}.${key}`;
  let value: number | undefined;
  try {
    value = config.getOptionalNumber(fullKey) ?? ifUnset;
  } catch {
    // No number: told below.
  }
  if (value !== undefined && value > 0) {
    return value;
  }
  problems.push(
    `${fullKey} is ${JSON.stringify(
      config.getOptional(fullKey),
    )}; it must be a number above 0. The default is ${ifUnset}.`,
  );
  return ifUnset;
}
