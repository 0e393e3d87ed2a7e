import { Knex } from 'knex';

/** Listens to what knex announces of the statements of this process, until the signal is aborted. */
export function listen<Args extends unknown[]>(
  knex: Knex,
  event: 'start' | 'query' | 'query-response' | 'query-error',
  listener: (...args: Args) => void,
  signal: AbortSignal,
): void {
  if (signal.aborted) {
    return;
  }
  knex.on(event, listener as (...args: unknown[]) => void);
  signal.addEventListener(
    'abort',
    () => knex.removeListener(event, listener as (...args: unknown[]) => void),
    { once: true },
  );
}
