import { StoreEntry, storeId } from '../storeConfig';
import { createStore, StoreDeps } from './createStore';
import { Stores } from './Stores';

/** The stores that are configured. Reaches for none of them yet. */
export function openStores(entries: StoreEntry[], deps: StoreDeps): Stores {
  const [first, ...others] = entries.map(entry => ({
    id: storeId(entry),
    store: createStore(entry, deps),
  }));
  return new Stores(first, ...others);
}
