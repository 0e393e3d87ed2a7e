import { Knex } from 'knex';
import { ATTEMPTS, ON_INTERRUPTION } from '../../tables';
import { TASK_EVENTS } from '../../../scaffolder/tables';

/** Fences a run of a task: what there was when the run was claimed. Anything later means that another run has the task. */
export type FencingToken = {
  /** The number of the last decision on an interruption of it, 0 if there was none. */
  attempt: number;
  /** The id of the last `recovered` event, 0 if there was none. */
  recoveredEvent: number;
};

/** Reads the fencing token of a run that was just claimed. */
export async function readFencingToken(
  knex: Knex,
  taskId: string,
): Promise<FencingToken> {
  const attempt = await knex(ATTEMPTS)
    .where('task_id', taskId)
    .whereRaw(ON_INTERRUPTION)
    .max({ last: 'attempt' })
    .first();
  const event = await knex(TASK_EVENTS)
    .where({ task_id: taskId, event_type: 'recovered' })
    .max({ last: 'id' })
    .first();
  return {
    attempt: Number(attempt?.last ?? 0),
    recoveredEvent: Number(event?.last ?? 0),
  };
}
