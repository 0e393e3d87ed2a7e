import { Knex } from 'knex';
import { TASKS } from '../tables';

/** A page of tasks in the order of their ids: the next so many after the given one. */
export type Page = { afterId?: string; limit: number };

/**
 * The ids of a page of tasks. Ids only, so that what a pass holds in memory does not depend on the size of the specs.
 */
export async function pageOfTaskIds(
  query: Knex.QueryBuilder,
  page: Page,
): Promise<string[]> {
  if (page.afterId) {
    query.where(`${TASKS}.id`, '>', page.afterId);
  }
  return query.orderBy(`${TASKS}.id`).limit(page.limit).pluck(`${TASKS}.id`);
}

/** Goes through all ids, page by page. */
export async function* eachTaskId(
  nextPage: (page: Page) => Promise<string[]>,
): AsyncGenerator<string> {
  const limit = 100;
  let afterId: string | undefined;
  for (;;) {
    const ids = await nextPage({ afterId, limit });
    yield* ids;
    if (ids.length < limit) {
      return;
    }
    afterId = ids[ids.length - 1];
  }
}
