/** Whether a version of numbers with dots between them, such as `3.44.0`, is older than another one. */
export function isOlder(version: string, than: string): boolean {
  const numbers = version.split('.').map(Number);
  const others = than.split('.').map(Number);
  const place = others.findIndex((n, i) => (numbers[i] ?? 0) !== n);
  return place >= 0 && (numbers[place] ?? 0) < others[place];
}
