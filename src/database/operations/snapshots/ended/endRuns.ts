import { Knex } from 'knex';
import { SNAPSHOTS } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';

/**
 * Ends the runs of a task that has ended: of a process that is still at a snapshot, since it was stalled, that is refused from now on, as if
 * another run had begun. The rows of a run that begins later are newer than this one, and not concerned.
 *
 * @param ended.newest - the number of its newest row
 * @returns false if the task runs again.
 */
export async function endRuns(
  knex: Knex,
  ended: { taskId: string; newest: number },
): Promise<boolean> {
  const count = await knex(SNAPSHOTS)
    .where({ task_id: ended.taskId, number: ended.newest })
    .whereExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .where('id', ended.taskId)
        .whereRaw(`not (${IN_FLIGHT})`),
    )
    .update({ epoch: knex.raw('epoch + 1') });
  return count > 0;
}
