/** How much effort was spent on a task, as its last decision left it. */
export type Effort = {
  /** How often the task was recovered in a row without having got any further. 0 if nothing counts against its limit. */
  spent: number;
  /** How many of its steps had ever finished by then. */
  finishedSteps: number;
};

/** A task that was recovered so often in a row without having got any further may be what ends the backend. */
export const POISON_CANDIDATE_ATTEMPTS = 2;

/** One more recovery of a task. */
export type Attempt = Effort & {
  /** How many in a row there may be. */
  limit: number;
  /** The task is not to be recovered any more. */
  isBeyondLimit: boolean;
  /** Earlier ones came to nothing, so the task may be what ends the backend. */
  isPoisonCandidate: boolean;
  /**
   * It is the last one, after earlier ones that came to nothing. If the task is what ends the backend, it will do so now, and
   * take down whatever runs beside it.
   */
  isFinalAttempt: boolean;
};

/**
 * Counts one more recovery of a task. One that kills the backend would take it down each time, so what is counted are
 * recoveries of a task that gets no further.
 *
 * - A task got further if a step has finished that had never finished before. Steps that run again do not count: with
 *   `restart` the first one finishes each time.
 * - A planned interruption, by a shutdown of the backend, tells nothing about the task, and spends nothing.
 */
export function spendAttempt(
  last: Effort | undefined,
  now: { finishedSteps: number; planned: boolean; limit: number },
): Attempt {
  const { finishedSteps, planned, limit } = now;
  const gotFurther = !last || finishedSteps > last.finishedSteps;
  const before = gotFurther ? 0 : last.spent;
  const spent = planned ? before : before + 1;
  return {
    spent,
    finishedSteps,
    limit,
    isBeyondLimit: !planned && spent > limit,
    isFinalAttempt: spent === limit && spent >= POISON_CANDIDATE_ATTEMPTS,
    isPoisonCandidate: spent >= POISON_CANDIDATE_ATTEMPTS,
  };
}
