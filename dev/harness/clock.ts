const startedAt = performance.timeOrigin;

/** A line with the seconds since this process began. */
export function stamp(text: string): string {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  return `${seconds.padStart(7)} s  ${text}`;
}

/** Prints a line with the seconds since this process began. */
export function say(text: string): void {
  console.log(stamp(text));
}
