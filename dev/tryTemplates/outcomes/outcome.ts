import { JsonValue } from '@backstage/types';
import type { Call, Entry } from '../journal';

/** What became of a task. */
export type Outcome = {
  taskId: string;
  status: string;
  /** Why it failed. */
  error?: string;
  output?: JsonValue;
  /** All that its actions noted, in all its runs, in their order. */
  entries: Entry[];
};

export function callsOf({ entries }: Outcome): Call[] {
  return entries.filter(e => e.kind === 'call');
}

/** Where a task was interrupted: in so many step runs after its first. */
export type Place = { run: number; iteration: number; stepId: string };

/**
 * The step runs of a task that was not interrupted, each with the call in which it is to be interrupted: the one in the middle, if
 * there are several.
 */
export function placesOf(uninterrupted: Outcome): Place[] {
  const places: Place[] = [];
  const calls = callsOf(uninterrupted);
  for (const { run, stepId } of calls) {
    if (!places.some(p => p.run === run)) {
      const { length } = calls.filter(c => c.run === run);
      places.push({ run, iteration: Math.floor(length / 2), stepId });
    }
  }
  return places;
}
