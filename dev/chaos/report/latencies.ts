import type { Wait } from '../evidence/logLines';
import type { Evidence } from '../evidence/evidence';
import type { AttemptRecord } from '../evidence/records';
import { groupByTask } from '../evidence/groupByTask';
import type { Fault } from '../faults/FaultInjector';
import type { Lifetime } from '../../harness/backend/Replica';
import { readRuns } from '../evidence/runs';
import { cutOffSpans, Span } from '../evidence/unreachable';

/** How long a task lay still after its process had died in the middle of a step. */
export type Latency = {
  taskId: string;
  diedAt: number;
  /** Until the next step of the task began, or until it was closed. */
  ms: number;
  end: 'step' | 'closed';
  /** Whether the process had been asked to end. */
  isPlanned: boolean;
};

/** One for each run that the death of a process ended. Those that came to nothing are violations of their own. */
export function readLatencies(evidence: Evidence): Latency[] {
  const completions = groupByTask(
    evidence.events.filter(e => e.type === 'completion'),
  );
  return [...readRuns(evidence.journal, evidence.lifetimes)].flatMap(
    ([taskId, runs]) =>
      runs.flatMap(({ pid, diedAt }): Latency[] => {
        if (diedAt === undefined) {
          return [];
        }
        const nextStep = Math.min(
          ...runs.map(r => r.beganAt).filter(at => at > diedAt),
        );
        const closed = Math.min(
          ...(completions.get(taskId) ?? [])
            .map(e => e.at)
            .filter(at => at > diedAt),
        );
        const at = Math.min(nextStep, closed);
        return at === Infinity
          ? []
          : [
              {
                taskId,
                diedAt,
                ms: at - diedAt,
                end: at === nextStep ? 'step' : 'closed',
                isPlanned: evidence.lifetimes.some(
                  l =>
                    l.pid === pid &&
                    l.exitedAt === diedAt &&
                    l.endedBy?.startsWith('SIGTERM'),
                ),
              },
            ];
      }),
  );
}

/**
 * How much of a latency somebody was there to recover the task: milliseconds in which at least one backend was up and not cut off from
 * PostgreSQL by its network.
 *
 * @param outages - when the database was away, which is not counted either
 */
export function attendedMs(
  { diedAt, ms }: Pick<Latency, 'diedAt' | 'ms'>,
  lifetimes: Pick<Lifetime, 'replica' | 'readyAt' | 'exitedAt'>[],
  faults: Fault[] = [],
  outages: Pick<Fault, 'startedAt' | 'endedAt'>[] = [],
): number {
  const until = diedAt + ms;
  const isWithin = ({ from, to }: Span) => to > diedAt && from < until;
  const ups = lifetimes
    .flatMap(({ replica, readyAt, exitedAt = Infinity }) =>
      readyAt === undefined
        ? []
        : without(
            { from: readyAt, to: exitedAt },
            cutOffSpans(replica, faults),
          ),
    )
    .filter(isWithin);
  const downs = outages
    .map(({ startedAt, endedAt = Infinity }) => ({
      from: startedAt,
      to: endedAt,
    }))
    .filter(isWithin);
  const cuts = [...ups, ...downs]
    .flatMap(({ from, to }) => [from, to])
    .filter(at => at > diedAt && at < until);
  const sorted = [diedAt, ...cuts, until].sort((x, y) => x - y);
  let attended = 0;
  for (const [i, from] of sorted.slice(0, -1).entries()) {
    const to = sorted[i + 1];
    const isCovered = (span: Span) => span.from <= from && span.to >= to;
    if (ups.some(isCovered) && !downs.some(isCovered)) {
      attended += to - from;
    }
  }
  return attended;
}

/** What is left of a span. */
function without(span: Span, cuts: Span[]): Span[] {
  return cuts.reduce(
    (left, cut) =>
      left.flatMap(({ from, to }) =>
        [
          { from, to: Math.min(to, cut.from) },
          { from: Math.max(from, cut.to), to },
        ].filter(part => part.from < part.to),
      ),
    [span],
  );
}

/** How often a task was decided on before it went on. More than once if further faults hit it meanwhile. */
export function countDecisions(
  { taskId, diedAt, ms }: Pick<Latency, 'taskId' | 'diedAt' | 'ms'>,
  attempts: Pick<AttemptRecord, 'taskId' | 'at'>[],
): number {
  return attempts.filter(
    a => a.taskId === taskId && a.at > diedAt && a.at <= diedAt + ms,
  ).length;
}

/** Whether a task waited like this before it went on. */
export function hasWaited(
  { taskId, diedAt, ms }: Pick<Latency, 'taskId' | 'diedAt' | 'ms'>,
  waits: Wait[],
): boolean {
  return waits.some(
    w => w.taskId === taskId && w.at > diedAt && w.at < diedAt + ms,
  );
}
