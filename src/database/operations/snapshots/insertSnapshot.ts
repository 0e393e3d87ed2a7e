import { Knex } from 'knex';
import { SNAPSHOTS } from '../../tables';
import { isSqlite } from '../../time';
import { insertedRows } from './insertedRows';
import { newestEvent } from './newestEvent';

/** What a snapshot found, as it is recorded. */
type NewSnapshot = {
  taskId: string;
  /** The epoch of the run. */
  epoch: number;
  /** The number of the row before it in the run. */
  base: number;
  changed: boolean | null;
  missing: string | null;
  files: number;
  bytes: number;
  storedBytes: number;
  /** What its content is read with, see `formatNeeds`. */
  needs: string | null;
  /** The ids of the packs that it added. */
  packs: string[];
};

/**
 * Records a snapshot with the number after its base, if its base is still the newest row of the task. It is not if another run has begun
 * since: the primary key allows only one row with the next number, and the other statement waits for it.
 *
 * @returns the number, or nothing if it was refused.
 */
export async function insertSnapshot(
  tx: Knex.Transaction,
  snapshot: NewSnapshot,
): Promise<number | undefined> {
  const { taskId, epoch, base } = snapshot;
  // Waits for `endRuns`. SQLite has one writer at a time.
  const lock = isSqlite(tx) ? '' : 'for update';
  const result = await tx.raw(
    `insert into ?? (task_id, number, kind, epoch, base, last_event, changed, missing, files, bytes, stored_bytes, needs, packs)
     select ?, number + 1, 'files', epoch, number, (?), ?, ?, ?, ?, ?, ?, ?
     from (select number, epoch from ?? where task_id = ? order by number desc limit 1 ${lock}) as newest
     where number = ? and epoch = ?
     on conflict do nothing returning number`,
    [
      SNAPSHOTS,
      taskId,
      newestEvent(tx, taskId),
      snapshot.changed,
      snapshot.missing,
      snapshot.files,
      snapshot.bytes,
      snapshot.storedBytes,
      snapshot.needs,
      JSON.stringify(snapshot.packs),
      SNAPSHOTS,
      taskId,
      base,
      epoch,
    ],
  );
  const [row] = insertedRows<{ number: number }>(result);
  return row && Number(row.number);
}
