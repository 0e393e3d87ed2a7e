import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import { Knex } from 'knex';
import { sumKept } from '../../database/operations/snapshots/kept/sumKept';
import { parseNeeds } from '../../decision/plan/snapshotNeeds';
import { within, TIMED_OUT } from '../../util/within';

/** Longer than that no collection of metrics waits for the database. */
const TIMEOUT_MS = 5_000;

/**
 * Metrics of what is kept of the files of tasks, by the store that it was written to. Read from the database whenever metrics are collected:
 * all processes report the same.
 */
export function reportKept(
  metrics: MetricsService,
  options: {
    knex: Knex;
    /** Whether the tables are there. */
    isReady: () => boolean;
    /** The ids of the stores that are configured, which are reported also if they are empty. */
    stores: string[];
  },
): void {
  const bytes = metrics.createObservableGauge('scaffolder.recovery.kept.size', {
    description: 'Size of what is kept of the files of tasks',
    unit: 'By',
  });
  const tasks = metrics.createObservableGauge(
    'scaffolder.recovery.kept.tasks',
    {
      description: 'Number of tasks of whose files something is kept',
      unit: '{task}',
    },
  );
  bytes.addCallback(async result => {
    for (const [store, sum] of await read(options)) {
      result.observe(sum.bytes, { store });
    }
  });
  tasks.addCallback(async result => {
    for (const [store, sum] of await read(options)) {
      result.observe(sum.tasks, { store });
    }
  });
}

async function read({
  knex,
  isReady,
  stores,
}: Parameters<typeof reportKept>[1]): Promise<
  Map<string, { tasks: number; bytes: number }>
> {
  if (!isReady()) {
    return new Map();
  }
  // Without an answer there is no value, which is better than a wrong one.
  const rows = await within(TIMEOUT_MS, sumKept(knex)).catch(() => TIMED_OUT);
  if (typeof rows === 'symbol') {
    return new Map();
  }
  const sums = new Map(stores.map(id => [id, { tasks: 0, bytes: 0 }]));
  for (const { needs, ...sum } of rows) {
    const store = parseNeeds(needs).stores.at(-1)!;
    const known = sums.get(store) ?? { tasks: 0, bytes: 0 };
    sums.set(store, {
      tasks: known.tasks + sum.tasks,
      bytes: known.bytes + sum.bytes,
    });
  }
  return sums;
}
