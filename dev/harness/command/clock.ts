const startedAt = Date.now();

/** Prints a line with the seconds since this process began. */
export function say(text: string): void {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`${seconds.padStart(6)} s  ${text}`);
}
