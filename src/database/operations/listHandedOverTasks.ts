import { Knex } from 'knex';
import { TASKS } from '../tables';
import { whereHandedOver } from './interrupted';
import { ListedTask, Page, pageOfTasks } from './pages';

/** The next tasks that were handed over and not claimed since. */
export async function listHandedOverTasks(
  knex: Knex,
  timeoutSeconds: number,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS).modify(whereHandedOver, knex, timeoutSeconds),
    page,
  );
}
