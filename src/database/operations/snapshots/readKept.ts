import { Knex } from 'knex';
import { SNAPSHOTS } from '../../tables';

/** What is kept of the files of a task. */
export type Kept = {
  /** How many snapshots. */
  snapshots: number;
  /** Bytes that they take in the store, compressed. */
  storedBytes: number;
};

/** What is kept of the files of a task. Nothing if nothing is. */
export async function readKept(
  knex: Knex,
  taskId: string,
): Promise<Kept | undefined> {
  const row = await knex(SNAPSHOTS)
    .where({ task_id: taskId, kind: 'files' })
    .first({
      snapshots: knex.raw('count(*)'),
      bytes: knex.raw('sum(stored_bytes)'),
    });
  // PostgreSQL has both as strings.
  const snapshots = Number(row.snapshots);
  return snapshots > 0
    ? { snapshots, storedBytes: Number(row.bytes) }
    : undefined;
}
