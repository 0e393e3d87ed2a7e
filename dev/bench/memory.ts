import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { Databases } from './Databases';
import { InterruptedTasks } from './InterruptedTasks';
import type { MemoryUse, Order } from './memoryProcess';
import { formatRatio, Report, Row } from './report';
import { Way, WAYS } from './ways';

const SIZES = [1_000, 10_000];
const SPEC_BYTES = 100_000;
const MAX_MB = 150;

/** How this process can end while a child of it runs. */
const ENDS = ['SIGINT', 'SIGTERM', 'exit'];

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
    const { idle, peak } = await tasks.recoverCopy(way, name =>
      inOwnProcess({ connection: databases.connectionTo(name), way }),
    );
    peaks[way] = (peak - idle) / 1e6;
  }
  await tasks.drop();
  return peaks as Record<Way, number>;
}

/** Recovers all tasks of a database in a process that does nothing else. */
async function inOwnProcess(order: Order): Promise<MemoryUse> {
  const child = fork(
    path.join(__dirname, 'memoryProcess.ts'),
    [JSON.stringify(order)],
    {
      execArgv: [
        '--expose-gc',
        '--require',
        require.resolve('@backstage/cli/config/nodeTransform.cjs'),
      ],
    },
  );
  const ended = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  const ownProcess: EventEmitter = process;
  // Before all others, who take away the server and the folder that it uses.
  ENDS.forEach(event => ownProcess.prependListener(event, kill));
  let measured: MemoryUse | undefined;
  // The transform that runs TypeScript sends messages of its own.
  child.on('message', (message: { measured?: MemoryUse }) => {
    measured ??= message.measured;
  });
  const [code, signal] = await ended;
  ENDS.forEach(event => ownProcess.off(event, kill));
  if (!measured) {
    throw new Error(
      `The process that recovers with ${order.way} ended with ${code ?? signal}`,
    );
  }
  return measured;
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
