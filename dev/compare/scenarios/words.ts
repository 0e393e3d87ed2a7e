import { PATIENCE_SECONDS } from '../settings';

/** What a cell says of a task that nothing became of. */
export function stillInProgress(seconds = PATIENCE_SECONDS): string {
  return `still in progress after ${seconds} s`;
}

/** How often something happened. */
export function times(count: number): string {
  return ['never', 'once', 'twice'][count] ?? `${count} times`;
}

/** Seconds from one moment to another, or until now. */
export function secondsSince(at: number, until = Date.now()): string {
  return `${((until - at) / 1000).toFixed(1)} s`;
}

/** The beginning of an error message, for a cell of a table. */
export function firstSentence(message: string): string {
  return message.split(/\.\s|\n/)[0];
}
