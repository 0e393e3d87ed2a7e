import { Knex } from 'knex';
import { TASKS } from '../../../../scaffolder/tables';
import { shortTransaction } from '../../../dialect/shortTransaction';

/** A page of tasks, the oldest first: the next so many after the given one. */
export type Page = { after?: ListedTask; limit: number };

/** A task in a list, and about how many bytes it takes to read it. */
export type ListedTask = {
  id: string;
  /** As the database writes it, to the microsecond. */
  createdAt: string;
  bytes: number;
};

/** What is read and decided on at once, however many tasks there are, or one task if it is larger. */
const BATCH = { tasks: 400, bytes: 2_000_000 };

const PAGE = 500;

/**
 * Lists a page of tasks.
 *
 * The oldest come first. Tasks of the same time ran at the same time, so that their events lie together in the database. In the order
 * of their ids, which are random, the events of each batch lie all over the table, which takes longer
 * (`docs/measurements.md`).
 */
export async function pageOfTasks(
  knex: Knex,
  query: Knex.QueryBuilder,
  { after, limit }: Page,
): Promise<ListedTask[]> {
  if (after) {
    query.whereRaw(`(${TASKS}.created_at, ${TASKS}.id) > (?, ?)`, [
      after.createdAt,
      after.id,
    ]);
  }
  // Neither database has to read a text to get its size in bytes.
  const bytes = ['spec', 'state', 'secrets']
    .map(column => `coalesce(octet_length(${TASKS}.${column}), 0)`)
    .join(' + ');
  return shortTransaction(knex, tx =>
    query
      .transacting(tx)
      .orderBy([`${TASKS}.created_at`, `${TASKS}.id`])
      .limit(limit)
      .select(`${TASKS}.id`, {
        createdAt: knex.raw(`cast(${TASKS}.created_at as text)`),
        bytes: knex.raw(bytes),
      }),
  );
}

/** Goes through all tasks of a list, in batches that are small enough to be read at once. */
export async function* batchesOf(
  nextPage: (page: Page) => Promise<ListedTask[]>,
): AsyncGenerator<string[]> {
  let after: ListedTask | undefined;
  let batch: string[] = [];
  let bytes = 0;
  for (;;) {
    const page = await nextPage({ after, limit: PAGE });
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
    after = page[page.length - 1];
  }
  if (batch.length > 0) {
    yield batch;
  }
}
