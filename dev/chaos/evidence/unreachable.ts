import type { Fault } from '../faults/FaultInjector';

export type Span = { from: number; to: number };

/** In them a process cannot show that it lives, since it does not run or does not reach PostgreSQL. */
const ALONE = ['stop', 'cut', 'blackHole', 'blackHoleReset'];

/** By them a process loses all its connections to PostgreSQL, the one of its lock included. */
const LOSING = [
  'cut',
  'blackHoleReset',
  'sever',
  'postgres',
  'postgresAtFiles',
];

/** When PostgreSQL was away. */
export function outagesIn(faults: Fault[]): Fault[] {
  return [
    ...faults.filter(f => f.kind === 'postgres'),
    ...faults
      .filter(f => f.kind === 'postgresAtFiles' && f.hitAt !== undefined)
      .map(f => ({ ...f, startedAt: f.hitAt! })),
  ];
}

/** When the processes of a backend were cut off from PostgreSQL by their network. */
export function cutOffSpans(replica: string, faults: Fault[]): Span[] {
  return faults
    .filter(f => f.kind !== 'stop' && ALONE.includes(f.kind))
    .filter(f => hits(f, replica))
    .map(spanOf);
}

/** When a process of a backend could not show that it lived, sorted. */
export function unreachableSpans(replica: string, faults: Fault[]): Span[] {
  const alone = faults.filter(f => ALONE.includes(f.kind) && hits(f, replica));
  const losses = faults.filter(
    f => LOSING.includes(f.kind) && (isOfServer(f) || hits(f, replica)),
  );
  // Who has lost its connections gets none then.
  const without = faults
    .filter(f => f.kind === 'noConnections')
    .map(spanOf)
    .flatMap(({ from, to }) =>
      losses
        .map(spanOf)
        .filter(loss => loss.to >= from && loss.from <= to)
        .map(loss => ({ from: Math.max(from, loss.from), to })),
    );
  return [
    ...alone.map(spanOf),
    ...outagesIn(faults).map(spanOf),
    ...without,
  ].sort((a, b) => a.from - b.from);
}

/** When processes of a backend lost the connection on which they hold their lock. A span, since they may do so again and again. */
export function lockLosses(replica: string, faults: Fault[]): Span[] {
  return faults
    .filter(f => [...LOSING, 'severLock'].includes(f.kind))
    .filter(f => isOfServer(f) || hits(f, replica))
    .map(spanOf);
}

function isOfServer({ kind }: Fault): boolean {
  return kind === 'postgres' || kind === 'postgresAtFiles';
}

function hits({ target }: Fault, replica: string): boolean {
  return target.split(',').includes(replica);
}

function spanOf({ startedAt, endedAt = Infinity }: Fault): Span {
  return { from: startedAt, to: endedAt };
}
