import { Knex } from 'knex';
import { ATTEMPTS, UNSETTLED } from '../../../tables';
import { TASKS } from '../../../../scaffolder/tables';

/**
 * Records the claims that their processes did not record, for example because they were ending. A heartbeat that is younger than the decision
 * shows that the task was claimed. When exactly is not known, so the time is that of this call.
 */
export async function recordMissedClaims(knex: Knex): Promise<void> {
  await knex(ATTEMPTS)
    .whereRaw(UNSETTLED)
    .where('outcome', 'waiting')
    .whereExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .whereRaw(`${TASKS}.id = ${ATTEMPTS}.task_id`)
        .where(`${TASKS}.status`, 'processing')
        .whereRaw(`${TASKS}.last_heartbeat_at > ${ATTEMPTS}.decided_at`),
    )
    .update({ outcome: 'running', claimed_at: knex.fn.now() });
}
