/**
 * As `utimes` takes it. Node.js cuts it off to microseconds (`uv__fs_to_timespec` of libuv); from the middle of one, it comes back as the
 * same one.
 */
export function utimesSeconds(ns: bigint): number {
  return (Number(ns / 1000n) + 0.5) / 1e6;
}
