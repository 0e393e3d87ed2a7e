/**
 * Asks again only when so many milliseconds have passed since it was asked last. Whoever asks meanwhile gets the same answer, also while that is
 * awaited. A failure is not kept.
 *
 * @param now - in ms, of any beginning
 */
export function cacheFor<T>(
  ms: number,
  ask: () => Promise<T>,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let last: { askedAt: number; answer: Promise<T> } | undefined;
  return () => {
    const askedAt = now();
    if (!last || askedAt - last.askedAt >= ms) {
      const asked = { askedAt, answer: ask() };
      asked.answer.catch(() => {
        last = last === asked ? undefined : last;
      });
      last = asked;
    }
    return last.answer;
  };
}
