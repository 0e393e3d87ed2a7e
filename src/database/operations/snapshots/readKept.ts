import { Knex } from 'knex';
import { SNAPSHOTS } from '../../tables';
import { IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import { readTimestamp, silentForAtLeastFrom } from '../../time';

/** What is kept of the files of a task. */
export type Kept = {
  /** How many snapshots. */
  snapshots: number;
  /** Bytes that they take in the store, compressed. */
  storedBytes: number;
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
  const row = await knex(SNAPSHOTS)
    .where({ task_id: taskId, kind: 'files' })
    .first({
      snapshots: knex.raw('count(*)'),
      bytes: knex.raw('sum(stored_bytes)'),
    });
  // PostgreSQL has both as strings.
  const snapshots = Number(row.snapshots);
  if (snapshots === 0) {
    return undefined;
  }
  const keptUntil =
    keepSeconds === undefined
      ? undefined
      : await readKeptUntil(knex, { taskId, keepSeconds });
  return { snapshots, storedBytes: Number(row.bytes), keptUntil };
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
