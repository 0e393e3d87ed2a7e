import { createHook } from 'node:async_hooks';
import path from 'node:path';

const SOURCE = `${path.resolve(__dirname, '..')}${path.sep}`;
const TESTS = /__testUtils__|\.test\.ts/;

/**
 * Watches the timers that the module's own source files start. Node announces each when it is made, and, shortly after, when it has
 * fired or was cleared, so that none is missed, whether it keeps the process alive or not.
 */
export function watchOwnTimers(): {
  /** The places in the source that started those that are still to fire. */
  active(): string[];
  stop(): void;
} {
  const timers = new Map<number, string>();
  const hook = createHook({
    init(asyncId, type) {
      if (type !== 'Timeout') {
        return;
      }
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = 20;
      const frames = (new Error().stack ?? '').split('\n').slice(2);
      Error.stackTraceLimit = limit;
      const caller = frames.find(
        frame => !/node:|AsyncHook|<anonymous>/.test(frame),
      );
      if (caller?.includes(SOURCE) && !TESTS.test(caller)) {
        timers.set(asyncId, caller.trim());
      }
    },
    destroy(asyncId) {
      timers.delete(asyncId);
    },
  }).enable();
  return {
    active: () => [...timers.values()],
    stop: () => hook.disable(),
  };
}
