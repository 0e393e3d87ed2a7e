import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes of resident memory. */
export type MemoryUse = { idle: number; peak: number };

/** Measures the memory of this process before and during an action. It needs `--expose-gc`. */
export async function memoryUseOf(
  action: () => Promise<unknown>,
): Promise<MemoryUse> {
  // What was left of loading would else be room that the action gets for nothing.
  globalThis.gc!();
  await sleep(500);
  const idle = process.memoryUsage.rss();
  const isReset = resetPeak();
  let sampled = idle;
  const sampler = setInterval(() => {
    sampled = Math.max(sampled, process.memoryUsage.rss());
  }, 5);
  await action();
  clearInterval(sampler);
  return { idle, peak: isReset ? Math.max(sampled, readPeak()) : sampled };
}

/** Has Linux count the peak from now on, which sees also what comes and goes between two samples. */
function resetPeak(): boolean {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

function readPeak(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
