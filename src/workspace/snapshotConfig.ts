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
import { WORKSPACES } from '../util/ownSettings';
import { readBoolean, readNumber } from '../util/readSetting';
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

const ENABLED = `${WORKSPACES}.enabled`;
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

/** Whether somebody wants no snapshots. What is wrong with it is reported by `readSnapshotConfig`. */
export function areSnapshotsOff(config: Config): boolean {
  return !readBoolean(config, ENABLED, true, []);
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
  const block = config.getOptional(WORKSPACES) ?? {};
  if (!isBlock(block)) {
    problems.push(
      // What a list says could hold a key.
      `${WORKSPACES} is ${Array.isArray(block) ? 'a list' : JSON.stringify(block)}; it must be an object, such as { enabled: false }.`,
    );
    return undefined;
  }
  const found = problems.length;
  // As for a key of a store: who writes `encryptionKey` would have files stored that anybody can read.
  for (const { key, hint } of unknownKeys(block, KEYS)) {
    problems.push(
      `${WORKSPACES}.${key} is unknown${hint || '.'} Known are ${KEYS.join(', ')}.`,
    );
  }
  const enabled = readBoolean(config, ENABLED, true, problems);
  const readLimit = (key: string, ifUnset: number) =>
    readNumber(config, `${WORKSPACES}.${key}`, ifUnset, problems, {
      be: `a number above 0. The default is ${ifUnset}`,
      isMet: value => value > 0,
    });
  const maxMegabytes = readLimit('maxMegabytes', DEFAULT_MAX_MEGABYTES);
  const maxFiles = readLimit('maxFiles', DEFAULT_MAX_FILES);
  const keepFor = readSeconds(
    config,
    [`${WORKSPACES}.keepFor`],
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
