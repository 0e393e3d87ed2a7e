import { Knex } from 'knex';
import { DbStoredRow, SNAPSHOTS, STORED } from '../../tables';
import { secondsAgo } from '../../time';

/** What a store may have of a task that has no snapshots. */
export type Leftover = {
  taskId: string;
  store: string;
  /** Whether all was deleted that was there. */
  isEmptied: boolean;
  /** Whether that was so long ago that nothing can be expected to have been added since. */
  isSettled: boolean;
};

/**
 * What is not needed any more in stores beside the database: of tasks whose snapshots were deleted, maybe with the task.
 *
 * @param options.settleSeconds - how long ago all must have been deleted for `isSettled`
 */
export async function listLeftovers(
  knex: Knex,
  { settleSeconds }: { settleSeconds: number },
): Promise<Leftover[]> {
  const rows: (DbStoredRow & { settled: number })[] = await withoutSnapshots(
    knex,
  ).select({
    task_id: 'task_id',
    store: 'store',
    emptied_at: 'emptied_at',
    settled: knex.raw('case when emptied_at <= ? then 1 else 0 end', [
      secondsAgo(knex, settleSeconds),
    ]),
  });
  return rows.map(({ task_id: taskId, store, emptied_at, settled }) => ({
    taskId,
    store,
    isEmptied: emptied_at !== null,
    isSettled: settled === 1,
  }));
}

/** Whether a task has no snapshots, so that nothing that was found of it in a store before is needed. */
export async function isUnneeded(
  knex: Knex,
  { taskId, store }: { taskId: string; store: string },
): Promise<boolean> {
  const row = await withoutSnapshots(knex)
    .where({ task_id: taskId, store })
    .first('task_id');
  return row !== undefined;
}

/** Records that all was deleted that a store had of a task without snapshots. */
export async function markEmptied(
  knex: Knex,
  stored: { taskId: string; store: string },
): Promise<void> {
  const { taskId, store } = stored;
  await withoutSnapshots(knex)
    .where({ task_id: taskId, store })
    .update({ emptied_at: knex.fn.now() });
}

/** Records that a store has nothing of a task. Not if a run of the task has begun since it was listed as settled. */
export async function forgetStored(
  knex: Knex,
  {
    taskId,
    store,
    settleSeconds,
  }: {
    taskId: string;
    store: string;
    settleSeconds: number;
  },
): Promise<void> {
  await withoutSnapshots(knex)
    .where({ task_id: taskId, store })
    .where('emptied_at', '<=', secondsAgo(knex, settleSeconds))
    .delete();
}

function withoutSnapshots(knex: Knex) {
  return knex<DbStoredRow>(STORED).whereNotExists(
    knex(SNAPSHOTS)
      .select(knex.raw('1'))
      .whereRaw(`${SNAPSHOTS}.task_id = ${STORED}.task_id`),
  );
}
