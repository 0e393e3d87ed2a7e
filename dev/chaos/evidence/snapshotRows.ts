import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { MANIFESTS, PACKS, SNAPSHOTS } from '../../../src/database/tables';
import { TASKS } from '../../../src/scaffolder/tables';
import { ScaffolderClient } from '../../harness/backend/ScaffolderClient';

/** Rows that are kept of the files of a completed task. */
export type SnapshotRows = { taskId: string; table: string; rows: number };

/** The module's own schedule for what a process left that was killed before it had deleted it. */
const CLEANER = 'scaffolder-recovery:delete-snapshots';

const FREQUENCY_MS = 1_000;

/** What is left of the files of completed tasks. */
async function listSnapshotRows(knex: Knex): Promise<SnapshotRows[]> {
  const ofTables = await Promise.all(
    [SNAPSHOTS, MANIFESTS, PACKS].map(async table => {
      const rows = await knex(table)
        .join(TASKS, `${TASKS}.id`, `${table}.task_id`)
        .where({ status: 'completed' })
        .groupBy('task_id')
        .select('task_id', { rows: knex.raw('count(*)') });
      return rows.map(r => ({
        taskId: r.task_id,
        table,
        rows: Number(r.rows),
      }));
    }),
  );
  return ofTables.flat();
}

/**
 * Has the backends delete what is left of the files of completed tasks, as they do every five minutes, and waits until that is done, or has
 * been tried for so long.
 *
 * @returns what is left then.
 */
export async function deleteLeftRows(
  knex: Knex,
  url: string,
  timeoutMs: number,
): Promise<SnapshotRows[]> {
  const deadline = Date.now() + timeoutMs;
  const client = await ScaffolderClient.asGuest(url);
  for (;;) {
    const left = await listSnapshotRows(knex);
    if (left.length === 0 || Date.now() > deadline) {
      return left;
    }
    // It is refused while it runs, and as long as a process that was killed in it has the lock.
    await client.triggerSchedule(CLEANER).catch(() => {});
    await sleep(FREQUENCY_MS);
  }
}
