import pLimit from 'p-limit';

/** So many at the same time. */
const PARALLEL = 8;

/** Does something for each item, for some of them at the same time. */
export async function inParallel<T, R>(
  items: T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const limit = pLimit(PARALLEL);
  return Promise.all(items.map(item => limit(() => work(item))));
}
