import { Knex } from 'knex';
import { insertRows } from '../../dialect/insertRows';
import { storable } from '../../dialect/storable';
import { InterruptedBy, KnownBy } from '../../../util/interruption';
import { ATTEMPTS, DbAttemptRow, UNSETTLED } from '../../tables';

/** A decision on a task. */
export type NewAttempt = {
  taskId: string;
  /** The number of this decision, counted from 1. */
  attempt: number;
  decision: string;
  /** Whether nothing is to run any more. */
  isClose: boolean;
  templateRef?: string;
  strategy?: string;
  /** Where the strategy came from. */
  strategySource?: string;
  /** For people: why this was decided. */
  reason: string;
  /** The step that the task was interrupted at. */
  interruptedAt?: string;
  /** Finished steps that do not run again. */
  skippedSteps: string[];
  /** Finished steps that run again, and why. */
  stepsAgain: StepAgainRecord[];
  /** The files that the run begins with. Nothing if no snapshots are kept. */
  files?: RunFilesRecord;
  /** Nothing if it was not interrupted. */
  secondsSilent?: number;
  /** Nothing if it was not interrupted. */
  interruptedBy?: InterruptedBy;
  /** Of a crash. */
  knownBy?: KnownBy;
  /** Attempts used: recoveries in a row without progress, this one included. */
  attemptsUsed: number;
  /** How many of its steps had ever finished. */
  finishedSteps: number;
  /** Whether it is the last recovery that the limit allows. */
  finalAttempt: boolean;
};

/** A finished step that runs again. */
export type StepAgainRecord = {
  stepId: string;
  because: string;
  /** The steps that depend on it, if that is why. */
  neededBy?: string[];
  /** The step before it that had failed, if that is why. */
  failedStep?: string;
};

/** The files that a run begins with. */
type RunFilesRecord = {
  /** empty, snapshot or missing. */
  kind: string;
  /** The step at whose end they were there, unless there are none. */
  stepId?: string;
  /** The number of the snapshot that is restored. */
  number?: number;
  /** Why there is no snapshot, as far as that is known. */
  problem?: string;
};

/**
 * Records that tasks were decided on now, and what that means for the decisions before: the runs that came of them were
 * interrupted.
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
  // Most tasks are decided on for the first time.
  const again = attempts.filter(a => a.attempt > 1);
  for (const outcome of ['cancelled', 'interrupted']) {
    const taskIds = again
      .filter(a => (a.decision === 'cancelled') === (outcome === 'cancelled'))
      .map(a => a.taskId);
    if (taskIds.length > 0) {
      await tx<DbAttemptRow>(ATTEMPTS)
        .whereIn('task_id', taskIds)
        .whereRaw(UNSETTLED)
        .update({ outcome, ended_at: tx.fn.now() });
    }
  }
  await insertRows(tx, ATTEMPTS, attempts.map(attemptRow));
}

/** The row of an attempt. */
export function attemptRow(a: NewAttempt) {
  return {
    task_id: a.taskId,
    attempt: a.attempt,
    decision: a.decision,
    template_ref: storable(a.templateRef),
    strategy: a.strategy ?? null,
    strategy_source: a.strategySource ?? null,
    reason: storable(a.reason),
    interrupted_at: storable(a.interruptedAt),
    skipped_steps: JSON.stringify(a.skippedSteps),
    steps_again: JSON.stringify(a.stepsAgain),
    files: a.files ? JSON.stringify(a.files) : null,
    seconds_silent: a.secondsSilent ?? null,
    interrupted_by: a.interruptedBy ?? null,
    known_by: a.knownBy ?? null,
    // For what reads the table, releases that are rolled back to among it.
    planned: a.interruptedBy === 'shutdown',
    spent: a.attemptsUsed,
    finished_steps: a.finishedSteps,
    last_chance: a.finalAttempt,
    outcome: a.isClose ? 'closed' : 'waiting',
  };
}
