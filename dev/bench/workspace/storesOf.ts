import { ConfigReader } from '@backstage/config';
import { Knex } from 'knex';
import { TEST_CREDENTIALS } from '../../harness/S3Server';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { openStores } from '../../../src/workspace/stores/openStores';
import { Stores } from '../../../src/workspace/stores/Stores';

/** One store alone, as an installation has it that configures nothing else. */
export function storesOf(knex: Knex, entry: StoreEntry): Stores {
  const rootConfig = new ConfigReader({
    aws: { mainAccount: TEST_CREDENTIALS },
  });
  return openStores([entry], { knex, rootConfig });
}
