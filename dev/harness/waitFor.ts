import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until a condition gives something other than undefined or false, and returns that.
 *
 * @throws Error that names what was waited for, with the last error of the condition, if it takes too long.
 */
export async function waitFor<T>(
  what: string,
  condition: () => Promise<T | undefined | false>,
  options: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<T> {
  const { timeoutMs = 60_000, intervalMs = 100 } = options;
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) {
        return value;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Waited ${timeoutMs} ms in vain for ${what}${
          lastError ? `, ${lastError}` : ''
        }`,
      );
    }
    await sleep(intervalMs);
  }
}
