import { Knex } from 'knex';
import { DbTaskEventRow, TASK_EVENTS } from '../tables';

/** An event as the scaffolder stores it. The UI throws at types that it does not know. */
export type NewTaskEvent = {
  taskId: string;
  type: 'log' | 'completion' | 'recovered';
  body: Record<string, unknown>;
};

/** On SQLite, knex makes one `select` of each row, and SQLite joins up to 500 of them. */
const ROWS_AT_ONCE = 500;

/**
 * Appends events to tasks. Their rows get ids in the given order, which is that in which people read them.
 *
 * @returns the ids of the rows, in the same order.
 */
export async function appendTaskEvents(
  tx: Knex.Transaction,
  events: NewTaskEvent[],
): Promise<number[]> {
  const ids: number[] = [];
  for (let i = 0; i < events.length; i += ROWS_AT_ONCE) {
    const rows = await tx<DbTaskEventRow>(TASK_EVENTS)
      .insert(
        events.slice(i, i + ROWS_AT_ONCE).map(({ taskId, type, body }) => ({
          task_id: taskId,
          event_type: type,
          body: JSON.stringify(body),
        })),
      )
      .returning('id');
    ids.push(...rows.map(row => Number(row.id)));
  }
  return ids;
}
