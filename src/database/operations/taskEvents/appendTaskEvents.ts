import { Knex } from 'knex';
import { insertRows } from '../../dialect/insertRows';
import { NewTaskEvent } from '../../../scaffolder/taskEvents';
import { TASK_EVENTS } from '../../../scaffolder/tables';

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
 * As `appendTaskEvents`, for events that are to be published, of which each task has one at most.
 *
 * @returns the ids of the rows, by the ids of their tasks.
 */
export async function appendPublishedTaskEvents(
  tx: Knex.Transaction,
  events: NewTaskEvent[],
): Promise<Map<string, number>> {
  if (events.length === 0) {
    return new Map();
  }
  const rows = await insertRows(tx, TASK_EVENTS, events.map(rowOf), [
    'id',
    'task_id',
  ]);
  return new Map(rows.map(row => [row.task_id, Number(row.id)]));
}

function rowOf({ taskId, type, body }: NewTaskEvent) {
  return { task_id: taskId, event_type: type, body: JSON.stringify(body) };
}
