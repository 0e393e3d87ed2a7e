import { waitFor } from '../../harness/waitFor';

/** Waits until a condition holds, for so many seconds at most. Tells whether it does. */
export async function within(
  seconds: number,
  condition: () => Promise<boolean> | boolean,
): Promise<boolean> {
  return waitFor('a condition', async () => condition(), {
    timeoutMs: seconds * 1000,
  }).catch(() => false);
}
