import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { NODE_TRANSFORM } from '../harness/backend/nodeTransform';

/** How this process can end while a child of it runs. */
const ENDS = ['SIGINT', 'SIGTERM', 'exit'];

/** What the process sends when it is done. */
export type Measured<Result> = { measured: Result };

/**
 * Runs a file in a process that does nothing else, with `gc()`.
 *
 * @param order - its argument, as JSON
 * @returns what it sent as `measured`.
 * @throws Error if it ended without.
 */
export async function runInProcess<Result>(
  file: string,
  order: object,
): Promise<Result> {
  const child = fork(file, [JSON.stringify(order)], {
    execArgv: ['--expose-gc', ...NODE_TRANSFORM],
  });
  const ended = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  const ownProcess: EventEmitter = process;
  // Before all others, who take away the server and the folder that it uses.
  ENDS.forEach(event => ownProcess.prependListener(event, kill));
  let answer: Measured<Result> | undefined;
  // The transform that runs TypeScript sends messages of its own.
  child.on('message', (message: Partial<Measured<Result>>) => {
    if (message.measured !== undefined) {
      answer ??= message as Measured<Result>;
    }
  });
  const [code, signal] = await ended;
  ENDS.forEach(event => ownProcess.off(event, kill));
  if (!answer) {
    throw new Error(
      `The process of ${file} ended with ${code ?? signal}, without a result for ${JSON.stringify(order)}`,
    );
  }
  return answer.measured;
}
