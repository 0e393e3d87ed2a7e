import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../tables';

/** A decision on a task. */
export type NewAttempt = {
  taskId: string;
  decision: string;
  strategy?: string;
};

/**
 * Records that tasks were decided on now. The attempts of each task are counted from 1.
 *
 * To be called when the tasks are locked; a count that is not the next one would fail.
 */
export async function recordAttempts(
  tx: Knex.Transaction,
  attempts: NewAttempt[],
): Promise<void> {
  if (attempts.length === 0) {
    return;
  }
  const last = await tx<DbAttemptRow>(ATTEMPTS)
    .whereIn(
      'task_id',
      attempts.map(a => a.taskId),
    )
    .groupBy('task_id')
    .select('task_id')
    .max({ attempt: 'attempt' });
  const counts = new Map(last.map(r => [r.task_id, Number(r.attempt)]));
  await tx<DbAttemptRow>(ATTEMPTS).insert(
    attempts.map(({ taskId, decision, strategy }) => ({
      task_id: taskId,
      attempt: (counts.get(taskId) ?? 0) + 1,
      decision,
      strategy: strategy ?? null,
    })),
  );
}
