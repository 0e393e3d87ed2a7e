import { Knex } from 'knex';
import { TASKS } from '../tables';
import { whereHandedOver } from './interrupted';
import { Page, pageOfTaskIds } from './pageOfTaskIds';

/** The next tasks that were handed over and not claimed since. */
export async function listHandedOverTasks(
  knex: Knex,
  timeoutSeconds: number,
  page: Page,
): Promise<string[]> {
  return pageOfTaskIds(
    knex(TASKS).modify(whereHandedOver, knex, timeoutSeconds),
    page,
  );
}
