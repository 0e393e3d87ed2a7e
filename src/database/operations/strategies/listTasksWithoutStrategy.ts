import { Knex } from 'knex';
import { STRATEGIES } from '../../tables';
import { IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import { ListedTask, Page, pageOfTasks } from '../tasks/paging/pages';

/** The next tasks in flight whose strategy is not remembered. */
export async function listTasksWithoutStrategy(
  knex: Knex,
  page: Page,
): Promise<ListedTask[]> {
  return pageOfTasks(
    knex,
    knex(TASKS)
      .whereRaw(IN_FLIGHT)
      .whereNotExists(
        knex(STRATEGIES)
          .select(knex.raw('1'))
          .whereRaw(`${STRATEGIES}.task_id = ${TASKS}.id`),
      ),
    page,
  );
}
