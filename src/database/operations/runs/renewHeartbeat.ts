import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import { FencingToken } from './readFencingToken';
import { recoveredSince } from './recoveredSince';

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
    .whereNotExists(recoveredSince(knex, taskId, mark))
    .update({ last_heartbeat_at: knex.fn.now() });
  return updated === 1;
}
