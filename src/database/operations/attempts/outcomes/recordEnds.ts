import { Knex } from 'knex';
import { ATTEMPTS, UNSETTLED } from '../../../tables';
import { IN_FLIGHT, TASK_EVENTS, TASKS } from '../../../../scaffolder/tables';

/** When the task ended, by its last event of that kind. */
const END = `coalesce((
  select max(created_at) from ${TASK_EVENTS}
  where ${TASK_EVENTS}.task_id = ${ATTEMPTS}.task_id
    and ${TASK_EVENTS}.event_type = 'completion'
    and ${TASK_EVENTS}.created_at >= ${ATTEMPTS}.decided_at
), current_timestamp)`;

/** Records how the further runs ended that have ended by now. */
export async function recordEnds(knex: Knex): Promise<void> {
  await knex(ATTEMPTS)
    .whereRaw(UNSETTLED)
    .whereExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .whereRaw(`${TASKS}.id = ${ATTEMPTS}.task_id`)
        .whereRaw(`not (${IN_FLIGHT})`),
    )
    .update({
      outcome: knex.raw(
        `(select status from ${TASKS} where ${TASKS}.id = ${ATTEMPTS}.task_id)`,
      ),
      ended_at: knex.raw(END),
    });
}
