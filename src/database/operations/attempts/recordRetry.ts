import { Knex } from 'knex';
import { shortTransaction } from '../../dialect/shortTransaction';
import {
  ATTEMPTS,
  DbAttemptRow,
  DbStrategyRow,
  STRATEGIES,
  UNSETTLED,
} from '../../tables';
import { TASK_EVENTS } from '../../../scaffolder/tables';
import { appendTaskEvents } from '../taskEvents/appendTaskEvents';
import { NewTaskEvent } from '../../../scaffolder/taskEvents';
import { attemptRow, NewAttempt } from './recordAttempts';

/**
 * Records that a task was started again after it had ended, with the lines for its log, and how the attempt before had ended.
 * May be called again when it is not known whether it came to that.
 *
 * It counts from the moment of the retry, not of this call: a decision that is younger than the task's heartbeat would count as
 * a hand-over. And it takes the number that was next then, or none: after a decision on the further run, which may have handed the
 * task over, a row with a later number and an earlier time would let that be decided on again.
 *
 * @returns false if the further run was decided on before this call. Then nothing is written.
 */
export async function recordRetry(
  knex: Knex,
  options: {
    attempt: NewAttempt;
    /** The status that the task had ended with. */
    endedAs: string;
    strategy?: Omit<DbStrategyRow, 'task_id'>;
    lines: NewTaskEvent[];
  },
): Promise<boolean> {
  const { endedAs, strategy, lines } = options;
  const { taskId, attempt } = options.attempt;
  return shortTransaction(knex, async tx => {
    const retriedAt = tx(TASK_EVENTS)
      .where({ task_id: taskId, event_type: 'recovered' })
      .orderBy('id', 'desc')
      .limit(1)
      .select('created_at');
    const inserted = await tx(ATTEMPTS)
      .insert({
        ...attemptRow(options.attempt),
        trigger: 'retry',
        decided_at: tx.raw('coalesce(?, ?)', [retriedAt, tx.fn.now()]),
      })
      .onConflict(['task_id', 'attempt'])
      .ignore()
      .returning('attempt');
    if (inserted.length === 0) {
      const row = await tx<DbAttemptRow>(ATTEMPTS)
        .where({ task_id: taskId, attempt })
        .first('trigger');
      return row?.trigger === 'retry';
    }
    await tx<DbAttemptRow>(ATTEMPTS)
      .where('task_id', taskId)
      .where('attempt', '<', attempt)
      .whereRaw(UNSETTLED)
      .update({ outcome: endedAs, ended_at: tx.fn.now() } as object);
    if (strategy) {
      await tx<DbStrategyRow>(STRATEGIES)
        .insert({ ...strategy, task_id: taskId })
        .onConflict('task_id')
        .merge();
    }
    await appendTaskEvents(tx, lines);
    return true;
  });
}
