import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../tables';

/** Lets no earlier recovery of a task count against its limit any more. */
export async function resetAttemptsUsed(
  knex: Knex,
  taskId: string,
): Promise<void> {
  await knex<DbAttemptRow>(ATTEMPTS)
    .where('task_id', taskId)
    .where('spent', '>', 0)
    .update({ spent: 0 });
}
