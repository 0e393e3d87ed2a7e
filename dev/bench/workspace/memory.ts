import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { Connection } from '../Databases';
import type { Order } from './memoryProcess';
import { Sample } from './sampleWorkspaces';

/** How this process can end while a child of it runs. */
const ENDS = ['SIGINT', 'SIGTERM', 'exit'];

/** By how many bytes the resident memory of a process grows that takes two snapshots and restores one. */
export async function measureMemoryOf(
  connection: Connection,
  sample: Sample,
): Promise<number> {
  const order: Order = { connection, sample };
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
  let added: number | undefined;
  // The transform that runs TypeScript sends messages of its own.
  child.on('message', (message: { added?: number }) => {
    added ??= message.added;
  });
  const [code, signal] = await ended;
  ENDS.forEach(event => ownProcess.off(event, kill));
  if (added === undefined) {
    throw new Error(
      `The process that takes snapshots of ${sample.name} ended with ${code ?? signal}`,
    );
  }
  return added;
}
