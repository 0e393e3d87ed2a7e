import { Knex } from 'knex';
import { DATABASE_STORE } from '../../decision/plan/snapshotNeeds';
import { DatabasePackStore } from '../stores/DatabasePackStore';
import { Stores } from '../stores/Stores';

/** As they are if no store is configured. */
export function storesInDatabase(knex: Knex): Stores {
  return new Stores({ id: DATABASE_STORE, store: new DatabasePackStore(knex) });
}
