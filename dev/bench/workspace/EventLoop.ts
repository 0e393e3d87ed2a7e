import fs from 'node:fs';

/** How often it is looked at, in ms. */
const INTERVAL = 1;

/** Measures for how long the main thread works without a break, during which its event loop is held. */
export class EventLoop {
  /** The longest time so far, in ms. */
  heldMs = 0;

  async watch(action: () => Promise<unknown>): Promise<void> {
    let last = readWorked();
    const timer = setInterval(() => {
      const worked = readWorked();
      this.heldMs = Math.max(this.heldMs, worked - last);
      last = worked;
    }, INTERVAL);
    try {
      await action();
    } finally {
      clearInterval(timer);
    }
  }
}

/**
 * For how many ms the main thread has had a processor, which Linux counts. Unlike the time that passed, it is the same when other
 * programs take turns with it.
 */
function readWorked(): number {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  const [workedNs] = fs.readFileSync(file, 'utf8').split(' ');
  return Number(workedNs) / 1e6;
}
