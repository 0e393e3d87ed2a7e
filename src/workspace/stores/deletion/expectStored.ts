import { Knex } from 'knex';
import { markStored } from '../../../database/operations/stored/markStored';
import { DATABASE_STORE } from '../../../decision/plan/snapshotNeeds';
import { Stores } from '../Stores';

/** Has the cleaner look at the store that is written to once the task needs nothing there any more. The database cleans itself. */
export async function expectStored(
  knex: Knex,
  { taskId, stores }: { taskId: string; stores: Stores },
): Promise<void> {
  const store = stores.first.id;
  if (store !== DATABASE_STORE) {
    await markStored(knex, { taskId, store });
  }
}
