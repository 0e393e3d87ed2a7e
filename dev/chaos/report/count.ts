/** How many of the items pass the test. */
export function count<T>(items: T[], test: (item: T) => unknown): number {
  return items.filter(test).length;
}
