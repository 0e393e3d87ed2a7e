import { Knex } from 'knex';
import { DbSnapshotRow, SNAPSHOTS } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { readTimestamp, silentForAtLeastFrom } from '../../../time';

/** What is kept of the files of a task. */
export type Kept = {
  /** How many snapshots. */
  snapshots: number;
  /** Bytes that they take in the store, compressed. */
  storedBytes: number;
  /** What they are read with (see `parseNeeds`), each once, in the order of the snapshots. */
  needs: (string | null)[];
  /** When they may be deleted, unless the task is started again. Of a task that failed or was cancelled. */
  keptUntil?: Date;
};

/**
 * What is kept of the files of a task. Nothing if nothing is.
 *
 * @param options.keepSeconds - as `listUnneededSnapshots` is given it; nothing if nothing is deleted after a time
 */
export async function readKept(
  knex: Knex,
  options: { taskId: string; keepSeconds: number | undefined },
): Promise<Kept | undefined> {
  const { taskId, keepSeconds } = options;
  const rows = await knex<DbSnapshotRow>(SNAPSHOTS)
    .where({ task_id: taskId, kind: 'files' })
    .orderBy('number')
    .select('stored_bytes', 'needs');
  if (rows.length === 0) {
    return undefined;
  }
  const keptUntil =
    keepSeconds === undefined
      ? undefined
      : await readKeptUntil(knex, { taskId, keepSeconds });
  return {
    snapshots: rows.length,
    // PostgreSQL has it as a string.
    storedBytes: rows.reduce((sum, row) => sum + Number(row.stored_bytes), 0),
    needs: [...new Set(rows.map(({ needs }) => needs))],
    keptUntil,
  };
}

async function readKeptUntil(
  knex: Knex,
  { taskId, keepSeconds }: { taskId: string; keepSeconds: number },
): Promise<Date | undefined> {
  const row = await knex(TASKS)
    .where({ id: taskId })
    .whereRaw(`not (${IN_FLIGHT})`)
    .whereNot('status', 'completed')
    .first({ until: silentForAtLeastFrom(knex, keepSeconds) });
  return row && readTimestamp(row.until);
}
