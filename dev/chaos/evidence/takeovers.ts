import type { TaskEvidence } from './epochs';
import type { Fault } from '../faults/FaultInjector';
import type { AttemptRecord } from './records';
import type { Run } from './runs';
import { REPLICAS, TIMEOUT_SECONDS } from '../settings';
import { lockLosses, Span, unreachableSpans } from './unreachable';

/** A decision on a task of which a run may have been alive: its process could not show it, for so long that it counted as dead. */
export type Takeover = {
  attempt: AttemptRecord;
  /** The backend whose process that was. */
  replica: string;
  /** When the run was last known to be alive. */
  silentSince: number;
  /** Until when it may have come to nothing that the process came back. */
  until: number;
  /** Whether a step of that run had begun. */
  hadBegun: boolean;
};

/** A process that is asked to end, or dead as far as its lock tells, counts as dead after so much silence. */
const SHORT_SILENCE_MS = 5_000;

/** A heartbeat is written every second, and up to that later on a busy machine. */
const BEAT_MS = 2_000;

/** How long a process that reaches PostgreSQL again may take to take its lock and to renew its heartbeats. */
const BACK_MS = 2_000;

/** A lock that was lost is taken again in a second, if PostgreSQL can be reached. */
const LOCK_BACK_MS = 3_000;

/** All takeovers of a task that the guarantees allow (`docs/guarantees.md`). */
export function takeoversOf(
  { attempts, runs }: Pick<TaskEvidence, 'attempts' | 'runs'>,
  faults: Fault[],
): Takeover[] {
  return attempts
    .filter(a => a.trigger === 'interruption')
    .flatMap(attempt => {
      const since = Math.max(
        0,
        ...attempts.map(a => a.at).filter(at => at < attempt.at),
      );
      const hadBegun = runs.some(
        r => r.beganAt > since && r.beganAt <= attempt.at,
      );
      return REPLICAS.flatMap(replica => {
        const takeover = takeoverFrom(attempt, replica, faults);
        return takeover ? [{ ...takeover, hadBegun }] : [];
      });
    });
}

function takeoverFrom(
  attempt: AttemptRecord,
  replica: string,
  faults: Fault[],
): Omit<Takeover, 'hadBegun'> | undefined {
  const { at, interruptedBy, secondsSilent = 0 } = attempt;
  const silenceMs = secondsSilent * 1000;
  const silentSince = at - silenceMs;
  const isLong = silenceMs >= TIMEOUT_SECONDS * 1000;
  const isShort =
    silenceMs >= SHORT_SILENCE_MS &&
    (interruptedBy === 'shutdown' ||
      (interruptedBy === 'crash' &&
        lockLosses(replica, faults).some(
          ({ from, to }) => from <= at && to >= silentSince - LOCK_BACK_MS,
        )));
  if (!isLong && !isShort) {
    return undefined;
  }
  const until = endOfCover(
    { from: silentSince + BEAT_MS, to: at },
    unreachableSpans(replica, faults).map(({ from, to }) => ({
      from,
      to: to + BACK_MS,
    })),
  );
  return until === undefined
    ? undefined
    : { attempt, replica, silentSince, until };
}

/** When the spans that cover another one without a gap are over. Nothing if they do not cover it. */
function endOfCover({ from, to }: Span, sorted: Span[]): number | undefined {
  let covered = from;
  for (const span of sorted) {
    if (span.from <= covered) {
      covered = Math.max(covered, span.to);
    }
  }
  return covered >= to && covered > from ? covered : undefined;
}

/** Whether a run is one of those that a takeover may have left alive. */
export function isLeftAlive(
  { replica, beganAt, processStartedAt }: Run,
  takeover: Takeover,
): boolean {
  return (
    replica === takeover.replica &&
    (beganAt <= takeover.attempt.at ||
      // Its first step may come after that, if the task was claimed before.
      (!takeover.hadBegun &&
        beganAt <= takeover.until &&
        processStartedAt !== undefined &&
        processStartedAt < takeover.silentSince))
  );
}

/** Whether a run was alive when another was begun in its place. From then on the two get in each other's way. */
export function wasLeftAlive(run: Run, takeovers: Takeover[]): boolean {
  return takeovers.some(
    t => isLeftAlive(run, t) && run.aliveUntil > t.attempt.at,
  );
}
