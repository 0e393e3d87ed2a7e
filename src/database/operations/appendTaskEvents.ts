import { Knex } from 'knex';
import { DbTaskEventRow, TASK_EVENTS } from '../tables';

/** An event as the scaffolder stores it. The UI throws at types that it does not know. */
export type NewTaskEvent = {
  type: 'log' | 'completion' | 'recovered';
  body: Record<string, unknown>;
};

/**
 * Appends events to a task, in the given order.
 *
 * @returns the ids of their rows.
 */
export async function appendTaskEvents(
  tx: Knex.Transaction,
  taskId: string,
  events: NewTaskEvent[],
): Promise<number[]> {
  const ids: number[] = [];
  // One by one: the order of the ids is the order in which people read them, and there is about one a step.
  for (const { type, body } of events) {
    const [row] = await tx<DbTaskEventRow>(TASK_EVENTS)
      .insert({
        task_id: taskId,
        event_type: type,
        body: JSON.stringify(body),
      })
      .returning('id');
    ids.push(Number(row.id));
  }
  return ids;
}
