/** The recoveries of a task that count against its limit, as of its last decision. */
export type Effort = {
  /** Attempts used: how often the task was recovered in a row without progress. */
  attemptsUsed: number;
  /** How many of its steps had ever finished by then. */
  finishedSteps: number;
};

/** A task that was recovered so often in a row without progress is a poison candidate: it may be what ends the backend. */
export const POISON_CANDIDATE_ATTEMPTS = 2;

/** One more recovery of a task. */
export type Attempt = Effort & {
  /** How many in a row without progress there may be. */
  limit: number;
  /** The task must not be recovered any more. */
  isBeyondLimit: boolean;
  /** Earlier ones brought no progress. */
  isPoisonCandidate: boolean;
  /**
   * It is the last one that the limit allows, after others without progress. It is isolated: a task that ends the backend would also
   * interrupt whatever runs beside it.
   */
  isFinalAttempt: boolean;
};

/**
 * Counts one more recovery of a task. Without a limit, a task that ends the backend would do so each time. So recoveries that bring no
 * progress are counted.
 *
 * - Progress is a step that has finished and had never finished before. Steps that run again do not count: with `restart` the first
 *   one finishes each time.
 * - A planned interruption, by a shutdown of the backend, uses no attempt.
 */
export function countAttempt(
  last: Effort | undefined,
  now: { finishedSteps: number; planned: boolean; limit: number },
): Attempt {
  const { finishedSteps, planned, limit } = now;
  const madeProgress = !last || finishedSteps > last.finishedSteps;
  const before = madeProgress ? 0 : last.attemptsUsed;
  const attemptsUsed = planned ? before : before + 1;
  return {
    attemptsUsed,
    finishedSteps,
    limit,
    isBeyondLimit: !planned && attemptsUsed > limit,
    isFinalAttempt:
      attemptsUsed === limit && attemptsUsed >= POISON_CANDIDATE_ATTEMPTS,
    isPoisonCandidate: attemptsUsed >= POISON_CANDIDATE_ATTEMPTS,
  };
}
