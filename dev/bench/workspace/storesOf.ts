import { ConfigReader } from '@backstage/config';
import { Knex } from 'knex';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { openStores } from '../../../src/workspace/stores/openStores';
import { Stores } from '../../../src/workspace/stores/Stores';

/** One store alone, as an installation has it that configures nothing else. */
export function storesOf(knex: Knex, entry: StoreEntry): Stores {
  return openStores([entry], { knex, rootConfig: new ConfigReader({}) });
}
