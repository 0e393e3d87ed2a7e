import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../tables';

/** A decision on a task. */
export type NewAttempt = {
  taskId: string;
  /** The number of this decision, counted from 1. */
  attempt: number;
  decision: string;
  strategy?: string;
  /** Whether the task was interrupted by a shutdown of its backend. */
  planned: boolean;
  /** How many recoveries in a row got the task no further, this one included. */
  spent: number;
  /** How many of its steps had ever finished. */
  finishedSteps: number;
  /** Whether it is the last recovery that the limit allows. */
  lastChance: boolean;
};

/**
 * Records that tasks were decided on now.
 *
 * To be called when the tasks are locked; a number that is taken would fail.
 */
export async function recordAttempts(
  tx: Knex.Transaction,
  attempts: NewAttempt[],
): Promise<void> {
  if (attempts.length === 0) {
    return;
  }
  await tx<DbAttemptRow>(ATTEMPTS).insert(
    attempts.map(a => ({
      task_id: a.taskId,
      attempt: a.attempt,
      decision: a.decision,
      strategy: a.strategy ?? null,
      planned: a.planned,
      spent: a.spent,
      finished_steps: a.finishedSteps,
      last_chance: a.lastChance,
    })),
  );
}
