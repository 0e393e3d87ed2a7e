import { Knex } from 'knex';
import {
  IN_FLIGHT_STATUSES,
  TASK_EVENTS,
  TASKS,
} from '../../../scaffolder/tables';
import { FencingToken } from './readFencingToken';

/** How the database sees the task of a run that was claimed earlier. */
type Ownership = {
  /** The task has not ended. It may show as open still: a claim is known before it is committed. */
  isInFlight: boolean;
  /** The task was queued again since the claim, so another run has it, or will have it. */
  isFenced: boolean;
};

/** Reads whether a task can still be that of the run with the fencing token. */
export async function readOwnership(
  knex: Knex,
  taskId: string,
  mark: Pick<FencingToken, 'recoveredEvent'>,
): Promise<Ownership> {
  const row = await knex(TASKS)
    .where({ id: taskId })
    .first('status', {
      last_recovered: knex(TASK_EVENTS)
        .max('id')
        .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
        .where('event_type', 'recovered'),
    });
  return {
    isInFlight: isInFlight(row?.status),
    isFenced: Number(row?.last_recovered ?? 0) > mark.recoveredEvent,
  };
}

/** Whether a task with that status has not ended. */
export function isInFlight(status: string | undefined): boolean {
  return status !== undefined && IN_FLIGHT_STATUSES.includes(status);
}
