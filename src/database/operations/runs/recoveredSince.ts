import { Knex } from 'knex';
import { TASK_EVENTS } from '../../../scaffolder/tables';
import { FencingToken } from './readFencingToken';

/** A query for whether a task was queued again since the run with the fencing token was claimed: another run has it, or will have it. */
export function recoveredSince(
  knex: Knex,
  taskId: string,
  { recoveredEvent }: Pick<FencingToken, 'recoveredEvent'>,
): Knex.QueryBuilder {
  return knex(TASK_EVENTS)
    .select(knex.raw('1'))
    .where({ task_id: taskId, event_type: 'recovered' })
    .where('id', '>', recoveredEvent);
}
