import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import { Timeouts, whereHandedOver } from '../interrupted/interrupted';
import { ListedTask, Page, pageOfTasks } from '../tasks/paging/pages';

/** The next tasks that were handed over and not claimed since. */
export async function listHandedOverTasks(
  knex: Knex,
  timeouts: Timeouts,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS).modify(whereHandedOver, knex, timeouts),
    page,
  );
}
