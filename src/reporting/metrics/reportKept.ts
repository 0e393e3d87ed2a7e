import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import { Knex } from 'knex';
import { sumKept } from '../../database/operations/snapshots/kept/sumKept';
import { parseNeeds } from '../../decision/plan/snapshotNeeds';
import { cacheFor } from '../../util/cacheFor';
import { withTimeout, TIMED_OUT } from '../../util/withTimeout';

/** All rows are read for it, of as many snapshots as are kept, in each replica. No more than that is needed to see it grow. */
const READ_AGAIN_MS = 60_000;

/** Longer than that no collection of metrics waits for the database. */
const TIMEOUT_MS = 5_000;

/**
 * Metrics of what is kept of the files of tasks, by the store that it was written to. Read from the database when metrics are collected, at most
 * once a minute: all processes report the same, as of within a minute.
 */
export function reportKept(
  metrics: MetricsService,
  options: {
    knex: Knex;
    /** Whether the tables are there. */
    isReady: () => boolean;
    /** The ids of the stores that are configured, which are reported also if they are empty. */
    stores: string[];
    /** In ms, of any beginning. */
    now?: () => number;
  },
): void {
  const { knex, isReady, stores, now } = options;
  const sum = cacheFor(READ_AGAIN_MS, () => sumKept(knex), now);
  const read = async (): Promise<Map<string, KeptSum>> =>
    isReady() ? sumByStore(sum, stores) : new Map();
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
    for (const [store, kept] of await read()) {
      result.observe(kept.bytes, { store });
    }
  });
  tasks.addCallback(async result => {
    for (const [store, kept] of await read()) {
      result.observe(kept.tasks, { store });
    }
  });
}

type KeptSum = { tasks: number; bytes: number };

/** By store. Without an answer there is no value, which is better than a wrong one. */
async function sumByStore(
  sum: () => ReturnType<typeof sumKept>,
  stores: string[],
): Promise<Map<string, KeptSum>> {
  const rows = await withTimeout(TIMEOUT_MS, sum()).catch(() => TIMED_OUT);
  if (typeof rows === 'symbol') {
    return new Map();
  }
  const sums = new Map(stores.map(id => [id, { tasks: 0, bytes: 0 }]));
  for (const { needs, ...kept } of rows) {
    const store = parseNeeds(needs).stores.at(-1)!;
    const known = sums.get(store) ?? { tasks: 0, bytes: 0 };
    sums.set(store, {
      tasks: known.tasks + kept.tasks,
      bytes: known.bytes + kept.bytes,
    });
  }
  return sums;
}
