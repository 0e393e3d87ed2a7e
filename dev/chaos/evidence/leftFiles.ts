import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { MANIFESTS, PACKS, SNAPSHOTS } from '../../../src/database/tables';
import { ScaffolderClient } from '../../harness/backend/ScaffolderClient';
import type { ChaosStore } from '../stores/ChaosStore';

/** What is kept of the files of a task that ended long ago: rows of the database, or files of another store. */
export type LeftFiles = { taskId: string; place: string; count: number };

/** The module's own schedule for what a process left that was killed before it had deleted it, and for what was kept for a retry. */
const CLEANER = 'scaffolder-recovery:delete-snapshots';

const FREQUENCY_MS = 1_000;

/**
 * Has the backends delete what is left of the files of tasks, as they do every five minutes, and waits until that is done, or has been tried
 * for so long.
 *
 * @param options.url - of one of the backends
 * @param options.store - that they use beside the database
 * @returns what is left then.
 */
export async function deleteLeftFiles(options: {
  knex: Knex;
  url: string;
  store?: ChaosStore;
  timeoutMs: number;
}): Promise<LeftFiles[]> {
  const { knex, url, store, timeoutMs } = options;
  const deadline = Date.now() + timeoutMs;
  const client = await ScaffolderClient.asGuest(url);
  for (;;) {
    const left = [
      ...(await listRows(knex)),
      ...(store ? countByTask(await store.list()) : []),
    ];
    if (left.length === 0 || Date.now() > deadline) {
      return left;
    }
    // It is refused while it runs, and as long as a process that was killed in it has the lock.
    await client.triggerSchedule(CLEANER).catch(() => {});
    await sleep(FREQUENCY_MS);
  }
}

async function listRows(knex: Knex): Promise<LeftFiles[]> {
  const ofTables = await Promise.all(
    [SNAPSHOTS, MANIFESTS, PACKS].map(async table => {
      const rows = await knex(table)
        .groupBy('task_id')
        .select('task_id', { rows: knex.raw('count(*)') });
      return rows.map(r => ({
        taskId: r.task_id,
        place: table,
        count: Number(r.rows),
      }));
    }),
  );
  return ofTables.flat();
}

function countByTask(files: string[]): LeftFiles[] {
  const counts = new Map<string, number>();
  for (const file of files) {
    const [taskId] = file.split('/');
    counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  }
  return [...counts].map(([taskId, count]) => ({
    taskId,
    place: 'the store',
    count,
  }));
}
