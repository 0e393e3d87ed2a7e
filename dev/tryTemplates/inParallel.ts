/** So many at the same time. */
const PARALLEL = 8;

/** Does something for each item, for some of them at the same time. */
export async function inParallel<T, R>(
  items: T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let done = 0; done < items.length; done += PARALLEL) {
    const next = items.slice(done, done + PARALLEL);
    results.push(...(await Promise.all(next.map(work))));
  }
  return results;
}
