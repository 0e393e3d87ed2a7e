import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../tables';

/** Takes a decision back that came to nothing, as the run that was given up for dead was alive: it spent no attempt. */
export async function refundAttempt(
  knex: Knex,
  { taskId, attempt }: { taskId: string; attempt: number },
): Promise<void> {
  await knex<DbAttemptRow>(ATTEMPTS)
    .where({ task_id: taskId, attempt, planned: false })
    .where('spent', '>', 0)
    .update({ spent: knex.raw('spent - 1'), last_chance: false } as object);
}
