import { Knex } from 'knex';
import { TASK_EVENTS, TASKS } from '../tables';
import { isSqlite } from '../time';

/** A character that no JSON can have unescaped. */
const SEPARATOR = '\x1e';

const TYPES = ['log', 'cancelled', 'recovered'];

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
  const rows = await stepEvents(knex)
    .whereIn('task_id', taskIds)
    .groupBy('task_id')
    .select('task_id', { events: joined(knex) });
  return new Map(
    rows.map((row: { task_id: string; events: string }) => [
      row.task_id,
      splitStepEvents(row.events),
    ]),
  );
}

/** A column of a query for tasks: the same of one task. To be split. */
export function stepEventsOfTask(knex: Knex): Knex.QueryBuilder {
  return stepEvents(knex)
    .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
    .select(joined(knex));
}

export function splitStepEvents(events: string | null): string[] {
  return events?.split(SEPARATOR) ?? [];
}

function stepEvents(knex: Knex | Knex.Transaction): Knex.QueryBuilder {
  const find = isSqlite(knex) ? 'instr' : 'strpos';
  return (
    knex(TASK_EVENTS)
      .whereIn('event_type', TYPES)
      // Within a message the quotes would be escaped, so this finds the key only.
      .whereRaw(`(${find}(body, '"status":"') > 0 or event_type <> 'log')`)
  );
}

function joined(knex: Knex | Knex.Transaction): Knex.Raw {
  return knex.raw(
    `string_agg(case event_type when 'log' then body else '"' || event_type || '"' end, ? order by ${TASK_EVENTS}.id)`,
    SEPARATOR,
  );
}
