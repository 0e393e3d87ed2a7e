import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import { Timeouts, whereInterrupted, whereUndecided } from './interrupted';
import { ListedTask, Page, pageOfTasks } from '../tasks/pages';

/** The next interrupted tasks that are not decided on. */
export async function listInterruptedTasks(
  knex: Knex,
  timeouts: Timeouts,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS)
      .modify(whereInterrupted, knex, timeouts.timeoutSeconds)
      .modify(whereUndecided, knex, timeouts),
    page,
  );
}
