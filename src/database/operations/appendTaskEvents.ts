import { Knex } from 'knex';
import { insertRows } from '../insertRows';
import { TASK_EVENTS } from '../tables';

/** An event as the scaffolder stores it. The UI throws at types that it does not know. */
export type NewTaskEvent = {
  taskId: string;
  type: 'log' | 'completion' | 'recovered';
  body: Record<string, unknown>;
};

/** Appends events to tasks. Their rows get ids in the given order, which is that in which people read them. */
export async function appendTaskEvents(
  tx: Knex.Transaction,
  events: NewTaskEvent[],
): Promise<void> {
  if (events.length > 0) {
    await insertRows(tx, TASK_EVENTS, events.map(rowOf));
  }
}

/**
 * As `appendTaskEvents`, for events that are to be published, with their ids.
 *
 * @returns the ids of the rows, in the order of the events.
 */
export async function appendPublishedTaskEvents(
  tx: Knex.Transaction,
  events: NewTaskEvent[],
): Promise<number[]> {
  if (events.length === 0) {
    return [];
  }
  const rows = await insertRows(tx, TASK_EVENTS, events.map(rowOf), 'id');
  return rows.map(row => Number(row.id));
}

function rowOf({ taskId, type, body }: NewTaskEvent) {
  return { task_id: taskId, event_type: type, body: JSON.stringify(body) };
}
