import { Knex } from 'knex';
import { insertRows } from '../insertRows';
import { TASK_EVENTS } from '../tables';

/** An event as the scaffolder stores it. The UI throws at types that it does not know. */
export type NewTaskEvent = {
  taskId: string;
  type: 'log' | 'completion' | 'recovered';
  body: Record<string, unknown>;
};

/**
 * Appends events to tasks. Their rows get ids in the given order, which is that in which people read them.
 *
 * @returns the ids of the rows, in the same order.
 */
export async function appendTaskEvents(
  tx: Knex.Transaction,
  events: NewTaskEvent[],
): Promise<number[]> {
  if (events.length === 0) {
    return [];
  }
  const rows = await insertRows(
    tx,
    TASK_EVENTS,
    events.map(({ taskId, type, body }) => ({
      task_id: taskId,
      event_type: type,
      body: JSON.stringify(body),
    })),
    'id',
  );
  return rows.map(row => Number(row.id));
}
