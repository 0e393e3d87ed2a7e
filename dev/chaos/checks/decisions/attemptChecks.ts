import type { Epoch } from '../../evidence/epochs';
import type { ProcessLife } from '../../../harness/backend/Replica';
import { describe } from '../../evidence/runs';
import { POISONED_STEP, POISON_LIMIT } from '../../settings';
import { Violation, violation } from '../violations';

const CLOSED = ['failed', 'cancelled'];

/** What is checked of planned interruptions, of tasks that end their process, and of expired sign-ins. */
export function checkAttempts(
  of: Epoch,
  lifetimes: ProcessLife[],
): Violation[] {
  return [
    ...checkPlanned(of, lifetimes),
    ...checkLimit(of),
    ...checkExpiry(of),
  ];
}

/** The process that ran the task last before a planned interruption must have been asked to end. */
function checkPlanned(
  { task, runs, attempts }: Epoch,
  lifetimes: ProcessLife[],
): Violation[] {
  return attempts
    .filter(a => a.planned)
    .flatMap(attempt => {
      const since =
        attempts.findLast(a => a.attempt < attempt.attempt)?.at ?? 0;
      const run = runs.findLast(
        r => r.beganAt > since && r.beganAt < attempt.at,
      );
      const life = lifetimes.find(
        l =>
          run &&
          l.pid === run.pid &&
          l.startedAt <= run.beganAt &&
          run.beganAt <= (l.exitedAt ?? Infinity),
      );
      // Of a run in which no step began nothing is known.
      return !run || life?.endedBy?.startsWith('SIGTERM')
        ? []
        : [
            violation(
              'plannedUnasked',
              task,
              `attempt ${attempt.attempt} at ${attempt.at}; ${describe(run)}`,
            ),
          ];
    });
}

function checkLimit({ task, runs, attempts }: Epoch): Violation[] {
  const found: Violation[] = [];
  const unplanned = attempts.filter(a => !a.planned).length;
  const planned = attempts.length - unplanned;
  const isClosed = attempts.some(a => a.decision === 'failed');
  if (
    task.strategy !== 'none' &&
    isClosed &&
    (!task.isPoisoned || unplanned <= POISON_LIMIT)
  ) {
    found.push(
      violation(
        'closedTooSoon',
        task,
        `after ${unplanned} interruptions and ${planned} planned ones`,
      ),
    );
  }
  // Each run that gets to the poisoned step ends its process there. One that was asked to end before spends no attempt.
  const tries = task.isPoisoned
    ? runs.filter(r => r.steps.some(s => s.stepId === POISONED_STEP)).length
    : 0;
  if (tries > POISON_LIMIT + 1 + planned) {
    found.push(
      violation(
        'poisonNotStopped',
        task,
        `tried ${tries} times, with ${planned} planned interruptions`,
      ),
    );
  }
  return found;
}

/** Each time that a task goes on whose sign-in has expired, its log says so. */
function checkExpiry({ task, events, attempts }: Epoch): Violation[] {
  const { signInExpiredAt } = task;
  const told = events.filter(e =>
    e.message?.startsWith('Warning: the sign-in'),
  ).length;
  const due =
    signInExpiredAt === undefined
      ? 0
      : attempts.filter(
          a => a.at > signInExpiredAt && !CLOSED.includes(a.decision),
        ).length;
  // An attempt of that very moment may or may not have seen it.
  return told < due || (signInExpiredAt === undefined && told > 0)
    ? [violation('expiryNotTold', task, `told ${told} times instead of ${due}`)]
    : [];
}
