import path from 'node:path';
import { Databases } from '../Databases';
import { InterruptedTasks } from '../tasks/InterruptedTasks';
import type { Order, RecoveryMemory } from './memoryProcess';
import { formatRatio, Report, Row } from '../report';
import { runInProcess } from '../runInProcess';
import { Way, WAYS } from './ways';

const SIZES = [1_000, 10_000];
const SPEC_BYTES = 100_000;
const MAX_MB = 150;

const PROCESS = path.join(__dirname, 'memoryProcess.ts');

/** How much memory it takes to queue interrupted tasks again whose specs are large. */
export async function measureMemory(databases: Databases): Promise<Report> {
  const rows: Row[] = [];
  for (const count of SIZES) {
    rows.push(...rowsOf(count, await measureSize(databases, count)));
  }
  return {
    title: '(d) Memory of queueing interrupted tasks again',
    notes: [
      'Specs of 100 KB. The peak of the resident memory above what the same process had when it had loaded everything.',
    ],
    rows,
  };
}

async function measureSize(
  databases: Databases,
  count: number,
): Promise<Record<Way, number>> {
  const tasks = await InterruptedTasks.create(databases, {
    count,
    specBytes: SPEC_BYTES,
  });
  const peaks: Partial<Record<Way, number>> = {};
  for (const way of WAYS) {
    const { idle, peak } = await tasks.recoverCopy(way, name => {
      const order: Order = { connection: databases.connectionTo(name), way };
      return runInProcess<RecoveryMemory>(PROCESS, order);
    });
    peaks[way] = (peak - idle) / 1e6;
  }
  await tasks.drop();
  return peaks as Record<Way, number>;
}

function rowsOf(count: number, peaks: Record<Way, number>): Row[] {
  return (['open', 'handOver'] as const).map(way => ({
    what: `${way}, ${count.toLocaleString('en')} interrupted tasks`,
    module: `${peaks[way].toFixed(0)} MB`,
    builtIn: `${peaks['built-in'].toFixed(0)} MB`,
    ratio: formatRatio(peaks[way] / peaks['built-in']),
    accepted: `under ${MAX_MB} MB`,
    ok: peaks[way] < MAX_MB,
  }));
}
