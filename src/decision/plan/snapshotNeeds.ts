import { ENCRYPTION_KEYS, STORES } from '../../util/ownSettings';

/** What the content of a snapshot is read with. */
export type SnapshotNeeds = {
  /** The ids of the stores that have some of it. The one that was written to last stands last. */
  stores: string[];
  /** The ids of the keys that some of it is encrypted with. */
  keys: string[];
};

/** The id of the store in the scaffolder's database. */
export const DATABASE_STORE = 'database';

/** What the content of a snapshot needs that was made before there were other stores. */
export const DATABASE_ONLY: SnapshotNeeds = {
  stores: [DATABASE_STORE],
  keys: [],
};

/** As it is recorded with a snapshot: nothing if it is in the database and not encrypted, as most are. */
export function formatNeeds({ stores, keys }: SnapshotNeeds): string | null {
  return keys.length === 0 && stores.every(id => id === DATABASE_STORE)
    ? null
    : JSON.stringify({ stores, keys });
}

/** Reads what `formatNeeds` returned. */
export function parseNeeds(recorded: string | null): SnapshotNeeds {
  return recorded === null ? DATABASE_ONLY : JSON.parse(recorded);
}

/** What a snapshot needs that builds on another one. */
export function uniteNeeds(
  earlier: SnapshotNeeds,
  written: SnapshotNeeds,
): SnapshotNeeds {
  return {
    stores: unite(earlier.stores, written.stores),
    keys: unite(earlier.keys, written.keys),
  };
}

/**
 * Why a snapshot cannot be read here, if it cannot.
 *
 * @param readable - the stores and keys that are configured
 */
export function whyUnreadable(
  needs: SnapshotNeeds,
  readable: SnapshotNeeds,
): string | undefined {
  const store = needs.stores.find(id => !readable.stores.includes(id));
  if (store !== undefined) {
    return `its files are in the store ${store}, which is not among ${STORES}`;
  }
  const key = needs.keys.find(id => !readable.keys.includes(id));
  return key === undefined
    ? undefined
    : `its files are encrypted with the key ${key}, which is not among ${ENCRYPTION_KEYS}`;
}

function unite(earlier: string[], last: string[]): string[] {
  return [...earlier.filter(id => !last.includes(id)), ...last];
}
