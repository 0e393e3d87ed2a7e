import { LoggerService } from '@backstage/backend-plugin-api';
import { Databases } from '../Databases';
import { InterruptedTasks } from '../tasks/InterruptedTasks';
import { median, timeOf } from '../measure';
import { formatMs, formatRatio, Report, Row } from '../report';
import { prepareRecovery, Way, WAYS } from './ways';

const SIZES = [
  { count: 1_000, repetitions: 9 },
  { count: 10_000, repetitions: 3 },
];

/** Enough for all of the code to be compiled. */
const WARM_UP = { count: 1_000, repetitions: 2 };

/** What it takes to queue interrupted tasks again, all at once, as after the restart of a busy backend. */
export async function measureRecovery(
  databases: Databases,
  logger: LoggerService,
): Promise<Report> {
  await measureSize(databases, logger, WARM_UP);
  const rows: Row[] = [];
  for (const size of SIZES) {
    rows.push(
      ...rowsOf(size.count, await measureSize(databases, logger, size)),
    );
  }
  return {
    title: '(b) Queueing interrupted tasks again',
    notes: [
      'Tasks of 20 steps, 10 of them finished, 51 events each, strategy idempotent, remembered. Equal copies of the data.',
      'open: as in the startup hook, and as the built-in does it, which neither looks at the steps nor decides.',
      'handOver: as at any other time. Medians.',
    ],
    rows,
  };
}

async function measureSize(
  databases: Databases,
  logger: LoggerService,
  { count, repetitions }: (typeof SIZES)[number],
): Promise<Record<Way, number>> {
  const tasks = await InterruptedTasks.create(databases, { count });
  const times: Record<Way, number[]> = {
    open: [],
    handOver: [],
    'built-in': [],
  };
  for (let i = 0; i < repetitions; i++) {
    // Forth and back, so that none always comes after the same.
    for (const way of i % 2 ? [...WAYS].reverse() : WAYS) {
      await tasks.recoverCopy(way, async name => {
        const recover = await prepareRecovery(
          way,
          databases.open(name),
          logger,
        );
        let recovered = 0;
        times[way].push(
          await timeOf(async () => {
            recovered = await recover();
          }),
        );
        return { recovered };
      });
    }
  }
  await tasks.drop();
  return {
    open: median(times.open),
    handOver: median(times.handOver),
    'built-in': median(times['built-in']),
  };
}

function rowsOf(count: number, times: Record<Way, number>): Row[] {
  return (['open', 'handOver'] as const).map(way => ({
    what: `${way}, ${count.toLocaleString('en')} interrupted tasks`,
    module: formatMs(times[way]),
    builtIn: formatMs(times['built-in']),
    ratio: formatRatio(times[way] / times['built-in']),
    accepted: 'at most 1.00',
    ok: times[way] <= times['built-in'],
  }));
}
