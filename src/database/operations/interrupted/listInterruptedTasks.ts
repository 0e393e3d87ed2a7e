import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import {
  Evidence,
  Timeouts,
  whereInterrupted,
  whereUndecided,
} from './interrupted';
import { ListedTask, Page, pageOfTasks } from '../tasks/paging/pages';

/** The next interrupted tasks that are not decided on. */
export async function listInterruptedTasks(
  knex: Knex,
  evidence: Timeouts & Evidence,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS)
      .modify(whereInterrupted, knex, evidence)
      .modify(whereUndecided, knex, evidence),
    page,
  );
}
