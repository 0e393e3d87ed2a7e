import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../tables';

/** The last decision on a task. */
export type LastAttempt = {
  attempt: number;
  spent: number;
  finishedSteps: number;
};

/** Reads the last decision on each of the tasks, by their ids. Those that were never decided on are not among them. */
export async function readLastAttempts(
  knex: Knex | Knex.Transaction,
  taskIds: string[],
): Promise<Map<string, LastAttempt>> {
  const rows = await knex<DbAttemptRow>({ a: ATTEMPTS })
    .whereIn('task_id', taskIds)
    .whereNotExists(
      knex({ later: ATTEMPTS })
        .select(knex.raw('1'))
        .whereRaw('later.task_id = a.task_id and later.attempt > a.attempt'),
    )
    .select('task_id', 'attempt', 'spent', 'finished_steps');
  return new Map(
    rows.map(({ task_id, attempt, spent, finished_steps }) => [
      task_id,
      { attempt, spent, finishedSteps: finished_steps },
    ]),
  );
}
