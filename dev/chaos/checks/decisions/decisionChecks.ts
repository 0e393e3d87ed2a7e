import type { Epoch, TaskEvidence } from '../../evidence/epochs';
import type { AttemptRecord } from '../../evidence/records';
import { describe } from '../../evidence/runs';
import { isLeftAlive, Takeover } from '../../evidence/takeovers';
import { CLOCK_SLACK_MS } from '../../settings';
import { CLOSING, Violation, violation } from '../violations';

/**
 * The database's `now()` is the start of a transaction, so what is seen to happen after something else may bear an earlier
 * time. Far below the timeout, without which there is no second decision.
 */
const TRANSACTION_SLACK_MS = 1_000;

/** Also a run from before a retry must not be alive when its task is decided on. */
export function checkOwnedRuns(
  { task, runs, attempts }: TaskEvidence,
  takeovers: Takeover[],
): Violation[] {
  return attempts
    .filter(a => a.trigger === 'interruption')
    .flatMap(attempt => {
      const live = runs.find(
        r =>
          r.beganAt < attempt.at - CLOCK_SLACK_MS &&
          attempt.at < r.aliveUntil - CLOCK_SLACK_MS &&
          !takeovers.some(t => t.attempt.at <= attempt.at && isLeftAlive(r, t)),
      );
      return live
        ? [
            violation(
              'decidedOnOwnedRun',
              task,
              `${nameOf(attempt)}; ${describe(live)}`,
            ),
          ]
        : [];
    });
}

export function checkDecisions(
  { task, runs, events, attempts }: Epoch,
  takeovers: Takeover[],
): Violation[] {
  const found: Violation[] = [];
  const recovered = events.filter(e => e.type === 'recovered');
  // A process that comes back may renew the heartbeat of its run, which ends a hand-over that nobody has claimed yet.
  const mayBeTakenBack = (attempt: AttemptRecord) => {
    const run = runs.findLast(r => r.beganAt <= attempt.at);
    return takeovers.some(
      t => t.attempt === attempt && run !== undefined && isLeftAlive(run, t),
    );
  };
  attempts.slice(1).forEach((next, index) => {
    const attempt = attempts[index];
    if (CLOSING.includes(attempt.decision)) {
      found.push(
        violation(
          'decidedAfterClosing',
          task,
          `${nameOf(attempt)}, then ${nameOf(next)}`,
        ),
      );
    } else if (
      !mayBeTakenBack(attempt) &&
      !recovered.some(
        e => e.at >= attempt.at - TRANSACTION_SLACK_MS && e.at < next.at,
      )
    ) {
      found.push(
        violation(
          'decidedTwice',
          task,
          `${nameOf(attempt)}, then ${nameOf(next)}, with no recovered event in between`,
        ),
      );
    }
  });
  return found;
}

function nameOf({ attempt, decision, at }: AttemptRecord): string {
  return `attempt ${attempt} (${decision}) at ${at}`;
}
