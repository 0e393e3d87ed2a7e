import type { Lifetime } from '../../../harness/backend/Replica';
import { formatTable } from '../../../harness/command/table';
import type { Fault } from '../../faults/FaultInjector';
import { faultKinds, FAULT_NAMES } from '../../faults/faultPlan';
import { FILE_MOMENTS } from '../../faults/FileMoments';
import { FAULTS_OF_STORE } from '../../stores/storeFaults';
import { count } from '../count';
import type { Outcome } from '../outcome';

export function faultsOf({ options, evidence: { faults } }: Outcome): string {
  const row = (name: string, some: Fault[]) => [
    name,
    some.length,
    count(some, f => f.during.length > 0),
    count(some, f => f.moment && f.hitAt === undefined),
  ];
  const table = formatTable(
    [
      ...['fault', 'count', 'of which during another fault'],
      'to whose moment nobody came',
    ],
    [
      ...faultKinds(FAULTS_OF_STORE[options.store]).map(kind =>
        row(
          FAULT_NAMES[kind],
          faults.filter(f => f.kind === kind),
        ),
      ),
      row('all', faults),
    ],
  );
  const moments = formatTable(
    ['moment', 'backends hit'],
    FILE_MOMENTS.map(({ name }) => [
      name,
      count(faults, f => f.moment === name && f.hitAt !== undefined),
    ]),
  );
  return `${table}\n\n${moments}`;
}

export function processesOf({ evidence: { lifetimes } }: Outcome): string {
  const row = (name: string, test: (life: Lifetime) => unknown) => [
    name,
    count(lifetimes, test),
  ];
  return formatTable(
    ['processes', 'count'],
    [
      row('started', () => true),
      row('became ready', l => l.readyAt),
      row(
        'ended by a fault before they were ready',
        l => l.endedBy && !l.readyAt,
      ),
      row(
        'ended by themselves, or not ready within a minute',
        l => l.endedByItself && !l.readyAt,
      ),
      row('ended by themselves after that', l => l.endedByItself && l.readyAt),
    ],
  );
}
