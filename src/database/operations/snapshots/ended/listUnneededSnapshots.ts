import { Knex } from 'knex';
import { ATTEMPTS, PACKS, SNAPSHOTS } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { silentForAtLeast } from '../../../time';

/**
 * The ids of tasks whose snapshots nobody needs any more: those that completed, those that ended otherwise so long ago that nobody is
 * expected to retry them, and those with another strategy than `idempotent`, which was not known at first. Starts from the few tasks with snapshots.
 *
 * @param options.keepSeconds - how long the snapshots of a task are kept that failed or was cancelled
 */
export async function listUnneededSnapshots(
  knex: Knex,
  options: { keepSeconds: number },
): Promise<string[]> {
  return knex(TASKS)
    .whereIn(
      'id',
      // A process that is killed while it deletes the files of a task leaves packs without snapshots.
      knex.union([
        knex(SNAPSHOTS).select('task_id'),
        knex(PACKS).select('task_id'),
      ]),
    )
    .whereRaw(`not (${IN_FLIGHT})`)
    .andWhere(ended =>
      ended
        .where('status', 'completed')
        .orWhere(silentForAtLeast(knex, options.keepSeconds))
        .orWhereExists(
          knex({ last: ATTEMPTS })
            .select(knex.raw('1'))
            .whereRaw(`last.task_id = ${TASKS}.id`)
            .whereIn('last.strategy', ['none', 'restart'])
            .where(
              'last.attempt',
              knex(ATTEMPTS)
                .max('attempt')
                .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`),
            ),
        ),
    )
    .pluck('id');
}
