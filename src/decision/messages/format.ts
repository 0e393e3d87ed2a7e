/** A duration in words, such as `34 s`, `10 min` or `2 h 5 min`. */
export function formatSilence(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 120) {
    return `${s} s`;
  }
  const minutes = Math.round(s / 60);
  return minutes < 120
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time in UTC, without fractions of a second. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A text for a task's log, one sentence per line: the scaffolder's page does not wrap lines. */
export function asLines(text: string): string {
  return text.replace(/\. (?=[A-Z])/g, '.\n');
}
