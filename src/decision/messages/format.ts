/** A time in UTC, without fractions of a second. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A text for a task's log, one sentence per line: the scaffolder's page does not wrap lines. */
export function asLines(text: string): string {
  return text.replace(/\. (?=[A-Z])/g, '.\n');
}
