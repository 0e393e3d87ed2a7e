/** How many milliseconds something takes. */
export async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Something that can be done many times, and how many times it is measured. */
export type Measured = { runs: number; run: () => Promise<unknown> };

const ROUNDS = 10;

/**
 * Measures several things after a round to warm up. They take turns, so that what else goes on in the machine meets all of
 * them alike.
 *
 * @returns the median milliseconds of each.
 */
export async function mediansOf(
  measured: Record<string, Measured>,
): Promise<Record<string, number>> {
  const times = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, { runs, run }] of Object.entries(measured)) {
      const known = round > 1 ? times.get(name)! : [];
      for (let i = 0; i < runs / ROUNDS; i++) {
        known.push(await timeOf(run));
      }
      times.set(name, known);
    }
  }
  return Object.fromEntries(
    [...times].map(([name, values]) => [name, median(values)]),
  );
}
