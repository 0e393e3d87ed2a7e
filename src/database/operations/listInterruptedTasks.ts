import { Knex } from 'knex';
import { TASKS } from '../tables';
import { whereInterrupted, whereUndecided } from './interrupted';
import { ListedTask, Page, pageOfTasks } from './pages';

/** The next interrupted tasks that are not decided on. */
export async function listInterruptedTasks(
  knex: Knex,
  timeoutSeconds: number,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS)
      .modify(whereInterrupted, knex, timeoutSeconds)
      .modify(whereUndecided, knex),
    page,
  );
}
