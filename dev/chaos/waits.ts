import { stripVTControlCharacters } from 'node:util';
import { waitingLine } from '../../src/decision/messages/messages';
import { Latency } from './latencies';

/** A backend said that a task has to wait for a last recovery, of another one or its own. It says so once while that lasts. */
export type Wait = { taskId: string; at: number; isForOthers: boolean };

/** What a line says before and after the id of the task. */
const LINES = [true, false].map(isForOthers => {
  const [before, after] = waitingLine('<id>', { isForOthers }).split('<id>');
  return { isForOthers, before, after };
});

/** What the log of one backend says. */
export function waitsIn(log: string): Wait[] {
  return stripVTControlCharacters(log)
    .split('\n')
    .flatMap(line =>
      LINES.filter(({ after }) => line.includes(after)).map(
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
