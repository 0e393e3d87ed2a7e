import { Knex } from 'knex';
import { TASKS } from '../tables';
import { withoutJit } from '../withoutJit';

/** A page of tasks in the order of their ids: the next so many after the given one. */
export type Page = { afterId?: string; limit: number };

/** A task, and about how many bytes it takes to read it. */
export type SizedTask = { id: string; bytes: number };

/** What is read and decided on at once, however many tasks there are, or one task if it is larger. */
const BATCH = { tasks: 400, bytes: 2_000_000 };

const PAGE = 500;

/** The ids and sizes of a page of tasks. */
export async function pageOfTasks(
  knex: Knex,
  query: Knex.QueryBuilder,
  { afterId, limit }: Page,
): Promise<SizedTask[]> {
  if (afterId) {
    query.where(`${TASKS}.id`, '>', afterId);
  }
  // Neither database has to read a text to tell its size in bytes.
  const bytes = ['spec', 'state', 'secrets']
    .map(column => `coalesce(octet_length(${TASKS}.${column}), 0)`)
    .join(' + ');
  return withoutJit(knex, tx =>
    query
      .transacting(tx)
      .orderBy(`${TASKS}.id`)
      .limit(limit)
      .select(`${TASKS}.id`, { bytes: knex.raw(bytes) }),
  );
}

/** Goes through all tasks of a list, in batches that are small enough to be read at once. */
export async function* batchesOf(
  nextPage: (page: Page) => Promise<SizedTask[]>,
): AsyncGenerator<string[]> {
  let afterId: string | undefined;
  let batch: string[] = [];
  let bytes = 0;
  for (;;) {
    const page = await nextPage({ afterId, limit: PAGE });
    for (const task of page) {
      if (
        batch.length === BATCH.tasks ||
        (batch.length > 0 && bytes + task.bytes > BATCH.bytes)
      ) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(task.id);
      bytes += task.bytes;
    }
    if (page.length < PAGE) {
      break;
    }
    afterId = page[page.length - 1].id;
  }
  if (batch.length > 0) {
    yield batch;
  }
}
