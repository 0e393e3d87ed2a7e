import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import { isSqlite } from '../../time';
import {
  Evidence,
  Timeouts,
  whereInterrupted,
  whereUndecided,
} from './interrupted';
import {
  InterruptedTaskRow,
  readForDecision,
  selectForDecision,
} from './selectForDecision';

/**
 * Reads tasks for a decision and keeps them from everybody else until the transaction ends.
 *
 * @returns those that are still interrupted, not decided on, and not being decided on right now.
 */
export async function lockInterruptedTasks(
  tx: Knex.Transaction,
  options: { taskIds: string[] } & Timeouts & Evidence,
): Promise<InterruptedTaskRow[]> {
  const query = selectForDecision(tx, options.deadProcesses)
    .whereIn(`${TASKS}.id`, options.taskIds)
    .modify(whereInterrupted, tx, options)
    .modify(whereUndecided, tx, options);
  // SQLite has no row locks; there the updates that follow are guarded and a write transaction excludes all others.
  if (!isSqlite(tx)) {
    query.forUpdate(TASKS).skipLocked();
  }
  const rows = await query;
  return rows.map((row: any) => readForDecision(row, options.deadProcesses));
}
