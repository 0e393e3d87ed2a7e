import { stripVTControlCharacters } from 'node:util';
import { waitingLine } from '../../src/recovery/messages';
import { Latency } from './latencies';

/** What a backend says once for each run of which a snapshot could not be stored (`Run.ts`). */
const NOT_STORED =
  /(?:Could not store the workspace of task|The workspace of task) ([0-9a-f-]{36})\b/g;

/** The tasks of which the log of one backend says that their files could not be stored. */
export function notStoredIn(log: string): string[] {
  const lines = stripVTControlCharacters(log).matchAll(NOT_STORED);
  return [...lines].map(([, taskId]) => taskId);
}

/** A backend said that a task has to wait for a last recovery, of another one or its own. It says so once while that lasts. */
export type Wait = { taskId: string; at: number; isForOthers: boolean };

/** What a line says before and after the id of the task. */
const WAITING = [true, false].map(isForOthers => {
  const [before, after] = waitingLine('<id>', { isForOthers }).split('<id>');
  return { isForOthers, before, after };
});

/** The waits that the log of one backend tells of. */
export function waitsIn(log: string): Wait[] {
  return stripVTControlCharacters(log)
    .split('\n')
    .flatMap(line =>
      WAITING.filter(({ after }) => line.includes(after)).map(
        ({ isForOthers, before, after }) => ({
          taskId: line.split(after)[0].split(before).at(-1)!,
          at: Date.parse(line.split(' ')[0]),
          isForOthers,
        }),
      ),
    );
}

/** Whether a task waited like this before it went on. */
export function hasWaited(
  { taskId, diedAt, ms }: Pick<Latency, 'taskId' | 'diedAt' | 'ms'>,
  waits: Wait[],
): boolean {
  return waits.some(
    w => w.taskId === taskId && w.at > diedAt && w.at < diedAt + ms,
  );
}
