import { Knex } from 'knex';
import { SNAPSHOTS } from '../../tables';
import { insertedRows } from './insertedRows';
import { newestEvent } from './newestEvent';

/** A run that began: the number of its row, and its epoch. */
export type Begun = { number: number; epoch: number };

/**
 * Begins the next run of a task. From then on nobody can add a row for an earlier run.
 *
 * @param run.base - the number of the snapshot that the run begins with, if it does not begin empty
 * @param run.needs - what the snapshots of the run will need, see `formatNeeds`
 */
export async function insertBegin(
  knex: Knex,
  run: {
    taskId: string;
    base: number | undefined;
    attempt: number;
    needs: string | null;
  },
): Promise<Begun> {
  const { taskId, base, attempt, needs } = run;
  for (;;) {
    const result = await knex.raw(
      `insert into ?? (task_id, number, kind, epoch, base, last_event, attempt, needs, files, bytes, stored_bytes)
       select ?, coalesce(max(number), 0) + 1, 'begin', coalesce(max(epoch), 0) + 1, ?, (?), ?, ?,
         coalesce(max(case when number = ? then files end), 0), coalesce(max(case when number = ? then bytes end), 0), 0
       from ?? where task_id = ?
       on conflict do nothing returning number, epoch`,
      [
        SNAPSHOTS,
        taskId,
        base ?? null,
        newestEvent(knex, taskId),
        attempt,
        needs,
        base ?? 0,
        base ?? 0,
        SNAPSHOTS,
        taskId,
      ],
    );
    const [row] = insertedRows<Begun>(result);
    // Nothing if somebody else added a row with this number in between: then that row is the newest one.
    if (row) {
      return { number: Number(row.number), epoch: Number(row.epoch) };
    }
  }
}
