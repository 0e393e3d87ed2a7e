import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../tables';

/** Withdraws a decision on a run that was alive after all: it uses no attempt. */
export async function withdrawAttempt(
  knex: Knex,
  { taskId, attempt }: { taskId: string; attempt: number },
): Promise<void> {
  await knex<DbAttemptRow>(ATTEMPTS)
    .where({ task_id: taskId, attempt })
    // Two calls at once, one of them at a shutdown, find the same: it must not be given back twice.
    .whereNot('outcome', 'withdrawn')
    .update({
      outcome: 'withdrawn',
      // Its own heartbeat may have been taken for a claim.
      claimed_at: null,
      resumed_at: null,
      spent: knex.raw(
        'case when spent > 0 and not planned then spent - 1 else spent end',
      ),
      last_chance: false,
    } as object);
}
