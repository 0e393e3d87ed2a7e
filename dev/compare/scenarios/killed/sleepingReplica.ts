import { setTimeout as sleep } from 'node:timers/promises';
import { BackendProcess } from '../../../harness/backend/BackendProcess';
import { ScaffolderClient } from '../../../harness/backend/ScaffolderClient';
import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS, TIMEOUT_SECONDS } from '../../settings';
import { goesOn } from '../goesOn';

/** How often each process polls for interrupted tasks (the scaffolder 4.2.0 and 4.3.0). */
const POLL_MS = 10_000;
/** How long after the sleeping replica the busy one polls, so that it is sure which one comes first. */
const APART_MS = 6_000;

export const sleepingReplica: Scenario = {
  id: '8',
  title: 'the other replica has no free slot, and a third one sleeps',
  done: `Of three replicas one is killed (SIGKILL) in a task, one is busy with as many tasks as it may run, and one has nothing to do. Which of the two notices is chance; the kill is timed so that it is the busy one`,
  wanted: `the task goes on within ${PATIENCE_SECONDS} s. The figure is the time from the kill to its next step`,
  alone: true,
  async run(site) {
    const first = await site.createBackend('first');
    const sleeping = await site.createBackend('sleeping');
    const busy = await site.createBackend('busy', {
      scaffolder: { concurrentTasksLimit: 1 },
    });
    const client = await first.start();
    await sleeping.boot();
    await busy.boot();
    const sleepingPolledAt = await spacePolls(sleeping, busy);
    const busyClient = await ScaffolderClient.asGuest(busy.url);
    const occupied = await site.dispatchHeld(busyClient, 'steps', {
      hold: 'step1',
    });
    const id = await site.dispatchHeld(client, 'steps', { hold: 'step2' });

    // So that the task counts as interrupted shortly after the sleeping one polled, and the busy one polls next. The last
    // heartbeat may be a second old by then.
    const interruptedAt = Date.now() + TIMEOUT_SECONDS * 1000;
    const untilPoll = POLL_MS - ((interruptedAt - sleepingPolledAt) % POLL_MS);
    await sleep(untilPoll + 2_000);
    await first.kill();
    const killedAt = Date.now();
    const cell = await goesOn(site, id, killedAt, PATIENCE_SECONDS);
    if (site.begins(occupied).length !== 1) {
      throw new Error('The busy replica was not busy all the time');
    }
    return cell;
  },
};

/**
 * Stops both replicas for longer than their interval. A process polls as soon as it continues, and then in that rhythm.
 *
 * @returns when the sleeping one polled
 */
async function spacePolls(
  sleeping: BackendProcess,
  busy: BackendProcess,
): Promise<number> {
  sleeping.signal('SIGSTOP');
  busy.signal('SIGSTOP');
  await sleep(POLL_MS + 500);
  sleeping.signal('SIGCONT');
  const sleepingPolledAt = Date.now();
  await sleep(APART_MS);
  busy.signal('SIGCONT');
  return sleepingPolledAt;
}
