import { Knex } from 'knex';
import {
  ATTEMPTS,
  DbAttemptRow,
  DbStrategyRow,
  STRATEGIES,
  TASK_EVENTS,
  UNSETTLED,
} from '../tables';
import { appendTaskEvents, NewTaskEvent } from './appendTaskEvents';
import { attemptRow, NewAttempt } from './recordAttempts';

/**
 * Records that a task was started again after it had ended, with what its log says of it, and how the attempt before had ended.
 *
 * It counts from the moment of the retry, not of this call: a decision that is younger than the task's heartbeat would look like a
 * hand-over.
 */
export async function recordRetry(
  knex: Knex,
  options: {
    attempt: Omit<NewAttempt, 'attempt'>;
    /** The status that the task had ended with. */
    endedAs: string;
    strategy?: Omit<DbStrategyRow, 'task_id'>;
    lines: NewTaskEvent[];
  },
): Promise<void> {
  const { endedAs, strategy, lines } = options;
  const { taskId } = options.attempt;
  await knex.transaction(async tx => {
    await tx<DbAttemptRow>(ATTEMPTS)
      .where('task_id', taskId)
      .whereRaw(UNSETTLED)
      .update({ outcome: endedAs, ended_at: tx.fn.now() } as object);
    const last = await tx(ATTEMPTS)
      .where('task_id', taskId)
      .max({ attempt: 'attempt' })
      .first();
    const retriedAt = tx(TASK_EVENTS)
      .where({ task_id: taskId, event_type: 'recovered' })
      .orderBy('id', 'desc')
      .limit(1)
      .select('created_at');
    await tx(ATTEMPTS).insert({
      ...attemptRow({
        ...options.attempt,
        attempt: Number(last?.attempt ?? 0) + 1,
      }),
      trigger: 'retry',
      decided_at: tx.raw('coalesce(?, ?)', [retriedAt, tx.fn.now()]),
    });
    if (strategy) {
      await tx<DbStrategyRow>(STRATEGIES)
        .insert({ ...strategy, task_id: taskId })
        .onConflict('task_id')
        .merge();
    }
    await appendTaskEvents(tx, lines);
  });
}
