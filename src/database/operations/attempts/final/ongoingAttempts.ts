import { Knex } from 'knex';
import { ATTEMPTS } from '../../../tables';
import { IN_FLIGHT, TASKS } from '../../../../scaffolder/tables';
import { secondsAgo, silentForAtLeast } from '../../../time';

/** Which attempts count as ongoing. */
export type Ongoing = {
  /** The tasks were decided on within so many seconds. */
  seconds: number;
  /** Once claimed, they have not been silent for so long. */
  silentSeconds: number;
};

/**
 * Tasks with their last decision, those whose attempt is ongoing: they have neither ended nor fallen silent once claimed. Whether they
 * made progress since is not asked.
 */
export function ongoingAttempts(
  tx: Knex.Transaction,
  { seconds, silentSeconds }: Ongoing,
): Knex.QueryBuilder {
  return (
    tx(TASKS)
      .join(ATTEMPTS, `${ATTEMPTS}.task_id`, `${TASKS}.id`)
      .whereRaw(IN_FLIGHT)
      .where(`${ATTEMPTS}.decided_at`, '>', secondsAgo(tx, seconds))
      // One that was opened has a heartbeat that is younger than the decision as well, but waits to be claimed. On SQLite that of a run
      // which ended its process within a second of the decision is as old as it; one that was handed over has a much older one.
      .whereRaw(
        `not (${TASKS}.status = 'processing'
        and ${TASKS}.last_heartbeat_at >= ${ATTEMPTS}.decided_at and ?)`,
        silentForAtLeast(tx, silentSeconds),
      )
      .whereNotExists(
        tx({ later: ATTEMPTS })
          .select(tx.raw('1'))
          .whereRaw(`later.task_id = ${ATTEMPTS}.task_id`)
          .whereRaw(`later.attempt > ${ATTEMPTS}.attempt`),
      )
  );
}
