import { Knex } from 'knex';
import { TASK_EVENTS, TASKS } from '../../../scaffolder/tables';
import { FencingToken } from './readFencingToken';

/**
 * Writes the heartbeat of a run that is alive, unless the task was queued again since it was claimed.
 *
 * @returns whether the task is still that run's.
 */
export async function renewHeartbeat(
  knex: Knex,
  taskId: string,
  mark: FencingToken,
): Promise<boolean> {
  const updated = await knex(TASKS)
    .where({ id: taskId, status: 'processing' })
    .whereNotExists(
      knex(TASK_EVENTS)
        .select(knex.raw('1'))
        .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
        .where('event_type', 'recovered')
        .where(`${TASK_EVENTS}.id`, '>', mark.recoveredEvent),
    )
    .update({ last_heartbeat_at: knex.fn.now() });
  return updated === 1;
}
