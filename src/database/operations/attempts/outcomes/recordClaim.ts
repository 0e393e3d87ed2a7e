import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../../tables';

/** Records that a task was claimed just now for the further run that a decision asked for. */
export async function recordClaim(
  knex: Knex,
  { taskId, attempt }: { taskId: string; attempt: number },
): Promise<void> {
  await knex<DbAttemptRow>(ATTEMPTS)
    .where({ task_id: taskId, attempt, outcome: 'waiting' })
    .update({ outcome: 'running', claimed_at: knex.fn.now() } as object);
}
