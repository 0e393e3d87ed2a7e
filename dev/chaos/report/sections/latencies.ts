import { Cell, formatTable } from '../../../harness/command/table';
import { percentile } from '../../../harness/percentile';
import { outagesIn } from '../../evidence/unreachable';
import { SLOW_RECOVERY_SECONDS } from '../../settings';
import {
  attendedMs,
  countDecisions,
  hasWaited,
  Latency,
  readLatencies,
} from '../latencies';
import type { Outcome } from '../outcome';

export function latenciesOf({ evidence, waits }: Outcome): string {
  const { faults } = evidence;
  const all = readLatencies(evidence);
  const outages = outagesIn(faults);
  const big = [...outages, ...faults.filter(f => f.kind === 'killAll')];
  const quiet = all.filter(
    l =>
      !big.some(
        f =>
          f.startedAt <= l.diedAt + l.ms && (f.endedAt ?? Infinity) >= l.diedAt,
      ),
  );
  const row = (
    name: string,
    some: Latency[],
    msOf = ({ ms }: Latency): number => ms,
  ): Cell[] => {
    const ms = some.map(msOf);
    const p95 = percentile(ms, 0.95) ?? 0;
    return [
      name,
      some.length,
      ...[0.5, 0.95, 1].map(share => seconds(percentile(ms, share))),
      p95 > SLOW_RECOVERY_SECONDS * 1000
        ? `<-- p95 above ${SLOW_RECOVERY_SECONDS} s`
        : '',
    ];
  };
  const split = (name: string, some: Latency[]) => [
    row(name, some),
    row(
      '  to the next step',
      some.filter(l => l.end === 'step'),
    ),
    row(
      '  to the end of the task',
      some.filter(l => l.end === 'closed'),
    ),
  ];
  const attended = (l: Latency) => attendedMs(l, evidence.lifetimes, faults);
  const ofWhich = (name: string, test: (l: Latency) => boolean) =>
    row(`  of which ${name}`, all.filter(test), attended);
  return formatTable(
    ['interruptions', 'count', 'p50', 'p95', 'max', 'mark'],
    [
      ...split('all', all),
      row(
        'all, less the time in which no backend was up and reached PostgreSQL',
        all,
        attended,
      ),
      ofWhich('after SIGTERM', l => l.isPlanned),
      ofWhich('after SIGKILL or a crash', l => !l.isPlanned),
      ofWhich('waited for a final attempt', l => hasWaited(l, waits)),
      ofWhich('did not', l => !hasWaited(l, waits)),
      ofWhich(
        'did not, and were decided on once',
        l => !hasWaited(l, waits) && countDecisions(l, evidence.attempts) === 1,
      ),
      row('all, less that and the time in which PostgreSQL was away', all, l =>
        attendedMs(l, evidence.lifetimes, faults, outages),
      ),
      ...split('no PostgreSQL restart or kill of all in it', quiet),
    ],
  );
}

function seconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${(ms / 1000).toFixed(1)} s`;
}
