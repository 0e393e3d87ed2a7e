/** The value that so much of all values do not exceed, from 0 to 1. Nothing of no values. */
export function percentile(
  values: number[],
  share: number,
): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
