import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../tables';

/**
 * Records that a task was decided on now.
 *
 * @returns the number of the attempt, from 1.
 */
export async function recordAttempt(
  tx: Knex.Transaction,
  options: { taskId: string; decision: string; strategy?: string },
): Promise<number> {
  const last = await tx<DbAttemptRow>(ATTEMPTS)
    .where('task_id', options.taskId)
    .max({ attempt: 'attempt' })
    .first();
  const attempt = Number(last?.attempt ?? 0) + 1;
  await tx<DbAttemptRow>(ATTEMPTS).insert({
    task_id: options.taskId,
    attempt,
    decision: options.decision,
    strategy: options.strategy ?? null,
  });
  return attempt;
}
