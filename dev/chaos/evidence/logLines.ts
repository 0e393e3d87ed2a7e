import { stripVTControlCharacters } from 'node:util';
import { waitingLine } from '../../../src/decision/messages/logLines';
import { Latency } from '../report/latencies';

/** What a backend says once for each run of which a snapshot could not be stored (`Run.ts`). */
const NOT_STORED =
  /(?:Could not store the workspace of task|The workspace of task) ([0-9a-f-]{36})\b/g;

/** The tasks of which the log of one backend says that their files could not be stored. */
export function notStoredIn(log: string): string[] {
  const lines = stripVTControlCharacters(log).matchAll(NOT_STORED);
  return [...lines].map(([, taskId]) => taskId);
}

/** A backend logged that a task waits for a final attempt, of another one or its own. It logs that once while it lasts. */
export type Wait = { taskId: string; at: number };

/** What a line says before and after the id of the task. */
const [BEFORE, AFTER] = waitingLine('<id>').split('<id>');

/** The waits that the log of one backend tells of. */
export function waitsIn(log: string): Wait[] {
  return stripVTControlCharacters(log)
    .split('\n')
    .filter(line => line.includes(AFTER))
    .map(line => ({
      taskId: line.split(AFTER)[0].split(BEFORE).at(-1)!,
      at: Date.parse(line.split(' ')[0]),
    }));
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
