/** The result of something that took too long. */
export const TIMED_OUT = Symbol('timed out');

/** Waits for something for no longer than so many milliseconds. It goes on all the same; what it fails with later is lost. */
export async function withTimeout<T>(
  ms: number,
  promise: Promise<T>,
): Promise<T | typeof TIMED_OUT> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof TIMED_OUT>(resolve => {
    timer = setTimeout(() => resolve(TIMED_OUT), ms).unref();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
