import { Knex } from 'knex';
import { TASK_EVENTS } from '../tables';
import { isSqlite } from '../time';

/** A character that no JSON can have unescaped. */
const SEPARATOR = '\x1e';

/**
 * What tasks' events tell of their course, as JSON, by task and in the order in which it happened: of a change of a step's state the
 * event's body, of a task that was cancelled or recovered the event's type as a string. Log lines without a state, by far the most, are left
 * in the database. A task without any such event is not among them.
 *
 * One row for each task: with one for each event, those of 200 tasks with 51 events took 20 ms instead of 14 ms, and 12 ms of this
 * process's time instead of 1.4 ms.
 */
export async function readStepEvents(
  knex: Knex | Knex.Transaction,
  taskIds: string[],
): Promise<Map<string, string[]>> {
  const find = isSqlite(knex) ? 'instr' : 'strpos';
  const rows = await knex(TASK_EVENTS)
    .whereIn('task_id', taskIds)
    .whereIn('event_type', ['log', 'cancelled', 'recovered'])
    // Within a message the quotes would be escaped, so this finds the key only.
    .whereRaw(`(${find}(body, '"status":"') > 0 or event_type <> 'log')`)
    .groupBy('task_id')
    .select('task_id', {
      events: knex.raw(
        `string_agg(case event_type when 'log' then body else '"' || event_type || '"' end, ? order by id)`,
        SEPARATOR,
      ),
    });
  return new Map(
    rows.map((row: { task_id: string; events: string }) => [
      row.task_id,
      row.events.split(SEPARATOR),
    ]),
  );
}
