import { POLL_INTERVAL_SECONDS } from '../../scaffolder/intervals';

/**
 * After how many seconds the scaffolder's own recovery may open each of the tasks that are handed over together.
 *
 * Whichever process looks first opens all that it may open, though it cannot run them all, and wakes no worker but its own. Handed
 * over all at once, 20 tasks were opened by one of three replicas, which ran ten; the other ten waited for 21 s beside two
 * replicas that slept. So others must find some as well:
 *
 * - Of as many as this process could run, one is left to its own next look. The rest may be opened at once.
 * - What is more is spread over the time in which each process looks once.
 *
 * A worker that is woken takes whatever is open. That is why one task is enough to wake it for.
 *
 * @param options.freeSlots - how many more tasks this process could run
 * @param options.secondsUntilLook - until this process looks next
 * @returns seconds for each task that is to wait.
 */
export function handOverDelays(
  taskIds: string[],
  options: { freeSlots: number; secondsUntilLook: number },
): Map<string, number> {
  const { freeSlots, secondsUntilLook } = options;
  const ownTask = taskIds.slice(0, freeSlots).slice(-1);
  const more = taskIds.slice(freeSlots);
  const parts = ownTask.length + more.length;
  return new Map([
    ...ownTask.map((id): [string, number] => [id, secondsUntilLook]),
    ...more.map((id, i): [string, number] => [
      id,
      ((ownTask.length + i) / parts) * POLL_INTERVAL_SECONDS,
    ]),
  ]);
}

/**
 * What a process that starts hands over instead of opening it. It opens all others, also those that it cannot run yet: a worker
 * takes the next open task when it has a free slot. But nobody wakes the workers of the other processes for what is more than this one
 * can run. With all opened, 197 of 881 and 155 of 771 tasks then waited for longer than two seconds, up to 22 s (20 minutes of chaos,
 * seeds 1 and 3).
 *
 * So of what is more a few are handed over: one for each further process that it takes to run the rest, and one, since the first that
 * looks may have no free slot either. They become due one after the other within the time in which each process looks once. Half of
 * them stay open at least, for this process when it has a free slot: it may be the only one.
 *
 * @param options.freeSlots - how many of the tasks this process can run
 * @param options.concurrentTasks - how many tasks a process can run
 * @returns after how many seconds each of those that are handed over may be opened.
 */
export function delaysAtStart(
  taskIds: string[],
  options: { freeSlots: number; concurrentTasks: number },
): Map<string, number> {
  const more = taskIds.slice(Math.max(options.freeSlots, 0));
  const processes = Math.ceil(more.length / options.concurrentTasks);
  const count = Math.min(processes + 1, Math.floor(more.length / 2));
  const calls = more.slice(more.length - count);
  return new Map(
    calls.map((id, i) => [id, (i / calls.length) * POLL_INTERVAL_SECONDS]),
  );
}
