import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { TASKS } from '../../src/database/tables';
import { createBuiltIn } from './builtIn';
import { createPass, TIMEOUT_SECONDS } from './createPass';
import { addModule, Databases, settle } from './Databases';
import { fillInterrupted, fillStrategies } from './fill';
import { median, timeOf } from './measure';
import { formatMs, formatRatio, Report, Row } from './report';

const SIZES = [
  { count: 1_000, repetitions: 5 },
  { count: 10_000, repetitions: 2 },
];

const WAYS = ['open', 'handOver', 'built-in'] as const;
export type Way = (typeof WAYS)[number];

/** What it takes to queue interrupted tasks again, all at once, as after the restart of a busy backend. */
export async function measureRecovery(
  databases: Databases,
  logger: LoggerService,
): Promise<Report> {
  // The first is for warming up only.
  await measureSize(databases, logger, { count: 200, repetitions: 1 });
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
  await createInterrupted(databases, 'interrupted', { count });
  const times: Record<Way, number[]> = {
    open: [],
    handOver: [],
    'built-in': [],
  };
  for (let i = 0; i < repetitions; i++) {
    for (const way of WAYS) {
      const knex = await databases.copy('interrupted', 'measured');
      await knex.raw('checkpoint');
      const recover = await recovery(way, knex, logger);
      let recovered = 0;
      times[way].push(
        await timeOf(async () => {
          recovered = await recover();
        }),
      );
      await check(way, knex, { count, recovered });
      await databases.drop('measured');
    }
  }
  await databases.drop('interrupted');
  return {
    open: median(times.open),
    handOver: median(times.handOver),
    'built-in': median(times['built-in']),
  };
}

/** Makes a database with interrupted tasks, to be copied. */
export async function createInterrupted(
  databases: Databases,
  name: string,
  options: { count: number; specBytes?: number },
): Promise<void> {
  const knex = await databases.create(name);
  await addModule(knex);
  await fillInterrupted(knex, options);
  await fillStrategies(knex);
  await settle(knex);
}

/** Prepares one way to recover tasks. What it returns recovers them all, and tells how many. */
export async function recovery(
  way: Way,
  knex: Knex,
  logger: LoggerService,
): Promise<() => Promise<number>> {
  if (way === 'built-in') {
    const builtIn = await createBuiltIn(knex, logger);
    return async () => {
      const timeout = { seconds: TIMEOUT_SECONDS };
      return (await builtIn.recoverTasks({ timeout })).ids.length;
    };
  }
  const pass = await createPass(knex, logger);
  // A connection, which the built-in has got by its migrations.
  await knex.raw('select 1');
  return async () => (await pass.runOnce(way)).resume;
}

/** A way that left tasks behind has not been measured. */
export async function check(
  way: Way,
  knex: Knex,
  options: { count: number; recovered: number },
): Promise<void> {
  const { count, recovered } = options;
  const status = way === 'handOver' ? 'processing' : 'open';
  const found = await knex(TASKS)
    .where({ status })
    .count({ count: '*' })
    .first();
  if (recovered !== count || Number(found?.count) !== count) {
    throw new Error(
      `${way} recovered ${recovered} of ${count} tasks; ${found?.count} are ${status}`,
    );
  }
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
