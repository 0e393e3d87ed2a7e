import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow, UNSETTLED } from '../../../tables';
import { TASK_EVENTS } from '../../../../scaffolder/tables';
import { secondsBetween } from '../../../time';

/** A task whose further run has begun its first step. */
export type Resumption = {
  strategy?: string;
  decision: string;
  /** From its last heartbeat before the decision. */
  secondsSinceHeartbeat: number;
};

/** The first step that began after the decision: the scaffolder writes an event for it (`stepStart`, 4.2.0). */
const FIRST_STEP = `(
  select min(created_at) from ${TASK_EVENTS}
  where ${TASK_EVENTS}.task_id = ${ATTEMPTS}.task_id
    and ${TASK_EVENTS}.event_type = 'log'
    and ${TASK_EVENTS}.body like '%"status":"processing"%'
    and ${TASK_EVENTS}.created_at >= ${ATTEMPTS}.decided_at
)`;

/**
 * Records when the first steps of further runs began.
 *
 * @returns those that this call recorded, and no other call.
 */
export async function recordResumptions(knex: Knex): Promise<Resumption[]> {
  const rows = await knex<DbAttemptRow>(ATTEMPTS)
    .whereRaw(UNSETTLED)
    .whereNull('resumed_at')
    // Without it there is nothing to measure.
    .whereNotNull('seconds_silent')
    .whereRaw(`${FIRST_STEP} is not null`)
    .update({ resumed_at: knex.raw(FIRST_STEP) } as object)
    .returning([
      'strategy',
      'decision',
      'seconds_silent',
      knex.raw('? as waited', secondsBetween(knex, 'decided_at', 'resumed_at')),
    ] as any[]);
  return rows.map((row: any) => ({
    strategy: row.strategy ?? undefined,
    decision: row.decision,
    secondsSinceHeartbeat: row.seconds_silent + row.waited,
  }));
}
