import { Knex } from 'knex';
import { ATTEMPTS, ON_INTERRUPTION } from '../../tables';
import { TASK_EVENTS } from '../../../scaffolder/tables';
import { secondsAgo } from '../../time';

/** Fences a run of a task: what there was when the run was claimed. Anything later means that another run has the task. */
export type FencingToken = {
  /** The number of the last decision on an interruption of it, 0 if there was none. */
  attempt: number;
  /** The id of the last `recovered` event, 0 if there was none. */
  recoveredEvent: number;
};

/** A decision or a `recovered` event that is so much younger than a claim may still have led to it: the database's clock may be set. */
const SLACK_SECONDS = 1;

/**
 * Reads the fencing token of a run, in one statement.
 *
 * @param claimedSecondsAgo - when the run was claimed, to leave out what is younger than that
 */
export async function readFencingToken(
  knex: Knex,
  taskId: string,
  claimedSecondsAgo = 0,
): Promise<FencingToken> {
  const attempts = knex(ATTEMPTS)
    .where('task_id', taskId)
    .whereRaw(ON_INTERRUPTION)
    .max('attempt');
  const events = knex(TASK_EVENTS)
    .where({ task_id: taskId, event_type: 'recovered' })
    .max('id');
  if (claimedSecondsAgo > SLACK_SECONDS) {
    const until = secondsAgo(knex, claimedSecondsAgo - SLACK_SECONDS);
    attempts.where('decided_at', '<=', until);
    events.where('created_at', '<=', until);
  }
  const row = await knex.first({ attempt: attempts, recovered_event: events });
  return {
    attempt: Number(row?.attempt ?? 0),
    recoveredEvent: Number(row?.recovered_event ?? 0),
  };
}
