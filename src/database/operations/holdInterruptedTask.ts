import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../tables';
import { secondsAgo, silentForAtLeast } from '../time';
import { whereInterrupted, whereUndecided } from './interrupted';

/**
 * Keeps the scaffolder's own recovery from taking an undecided task that it would take soon, by counting the silence of
 * the task anew. The task stays interrupted.
 *
 * @param options.silentSeconds - only if it was silent for at least this long
 * @returns whether it was held back.
 */
export async function holdInterruptedTask(
  knex: Knex | Knex.Transaction,
  options: { taskId: string; timeoutSeconds: number; silentSeconds: number },
): Promise<boolean> {
  const updated = await knex<DbTaskRow>(TASKS)
    .where('id', options.taskId)
    .modify(whereInterrupted, knex, options.timeoutSeconds)
    .modify(whereUndecided, knex)
    .whereRaw(silentForAtLeast(knex, options.silentSeconds))
    // Two seconds more than the timeout: on SQLite a task is interrupted up to a second late.
    .update({
      last_heartbeat_at: secondsAgo(knex, options.timeoutSeconds + 2),
    } as object);
  return updated === 1;
}
