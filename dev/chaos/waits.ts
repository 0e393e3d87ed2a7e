import { stripVTControlCharacters } from 'node:util';
import { waitingLine } from '../../src/recovery/messages';
import { Latency } from './latencies';

/** A backend said that a task has to wait while another one has its last recovery. It says so once while that lasts. */
export type Wait = { taskId: string; at: number };

const [BEFORE_ID, AFTER_ID] = waitingLine('<id>').split('<id>');

/** What the log of one backend says. */
export function waitsIn(log: string): Wait[] {
  return stripVTControlCharacters(log)
    .split('\n')
    .filter(line => line.includes(AFTER_ID))
    .map(line => ({
      taskId: line.split(AFTER_ID)[0].split(BEFORE_ID).at(-1)!,
      at: Date.parse(line.split(' ')[0]),
    }));
}

/** Whether a task waited for the last recovery of another one before it went on. */
export function hasWaited(
  { taskId, diedAt, ms }: Pick<Latency, 'taskId' | 'diedAt' | 'ms'>,
  waits: Wait[],
): boolean {
  return waits.some(
    w => w.taskId === taskId && w.at > diedAt && w.at < diedAt + ms,
  );
}
