import { Knex } from 'knex';
import { STRATEGIES } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { silentForAtLeast } from '../../../time';

/**
 * Clears the secrets of running tasks that will not run again. With `taskRecovery.enabled` the scaffolder keeps them until
 * a task ends, for a further claim; the worker that runs the task has a copy of its own (`claimTask`, 4.2.0).
 *
 * A task that is silent is left alone: it may wait to be claimed for the first time.
 *
 * @returns for how many tasks.
 */
export async function clearUnneededSecrets(
  knex: Knex,
  timeoutSeconds: number,
): Promise<number> {
  return knex(TASKS)
    .whereRaw(IN_FLIGHT)
    .where('status', 'processing')
    .whereNotNull('secrets')
    .whereRaw('not (?)', silentForAtLeast(knex, timeoutSeconds))
    .whereExists(
      knex(STRATEGIES)
        .select(knex.raw('1'))
        .whereRaw(`${STRATEGIES}.task_id = ${TASKS}.id`)
        .where(`${STRATEGIES}.strategy`, 'none'),
    )
    .update({ secrets: null });
}
