import { JsonValue } from '@backstage/types';
import type { Call } from './journal';

/** What became of a task. */
export type Outcome = {
  taskId: string;
  status: string;
  /** Why it failed. */
  error?: string;
  output?: JsonValue;
  /** All calls of actions, in all its runs, in their order. */
  calls: Call[];
};

/** Where a task was interrupted: in so many step runs after its first. */
export type Place = { run: number; iteration: number; stepId: string };

/**
 * The step runs of a task that was not interrupted, each with the call in which it is to be interrupted: the one in the middle, if
 * there are several.
 */
export function placesOf(uninterrupted: Outcome): Place[] {
  const places: Place[] = [];
  for (const { run, stepId } of uninterrupted.calls) {
    if (!places.some(p => p.run === run)) {
      const { length } = uninterrupted.calls.filter(c => c.run === run);
      places.push({ run, iteration: Math.floor(length / 2), stepId });
    }
  }
  return places;
}
