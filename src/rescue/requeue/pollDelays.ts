import { POLL_INTERVAL_SECONDS } from '../../scaffolder/intervals';

/**
 * After how many seconds the scaffolder's poll may open each of the tasks that are handed over together.
 *
 * Whichever process polls first opens all that it may open, though it cannot run them all, and wakes no worker but its own. Handed
 * over all at once, 20 tasks were opened by one of three replicas, which ran ten; the other ten waited for 21 s beside two
 * replicas that slept. So others must find some as well:
 *
 * - Of as many as this process could run, one is left to its own next poll. The rest may be opened at once.
 * - What is more is spread over the time in which each process polls once.
 *
 * A woken worker takes whatever is open, so one task is enough to wake it.
 *
 * @param options.freeSlots - how many more tasks this process could run
 * @param options.secondsUntilPoll - until this process polls next
 * @returns seconds for each task, 0 for those that may be opened at once.
 */
export function pollDelays(
  taskIds: string[],
  options: { freeSlots: number; secondsUntilPoll: number },
): Map<string, number> {
  const { freeSlots, secondsUntilPoll } = options;
  const ownPlace = Math.min(freeSlots, taskIds.length) - 1;
  const own = ownPlace >= 0 ? 1 : 0;
  const parts = own + Math.max(taskIds.length - freeSlots, 0);
  return new Map(
    taskIds.map((id, place): [string, number] => {
      if (place < freeSlots) {
        return [id, place === ownPlace ? secondsUntilPoll : 0];
      }
      const part = (own + place - freeSlots) / parts;
      return [id, part * POLL_INTERVAL_SECONDS];
    }),
  );
}
