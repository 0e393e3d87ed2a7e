import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario';
import { PATIENCE_SECONDS } from '../settings';
import { within } from '../within';
import { times } from '../words';

const AWAY_SECONDS = 4;
/** Longer than the outage, the timeout and the built-in's next look together. */
const STEP_SECONDS = 40;

export const databaseAway: Scenario = {
  id: '3',
  title: `PostgreSQL away for ${AWAY_SECONDS} s under a running step`,
  done: `PostgreSQL is stopped for ${AWAY_SECONDS} s while a step of ${STEP_SECONDS} s runs. The backend stays up`,
  wanted: 'the task completes, and each step ran once',
  alone: true,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const id = await site.dispatch(client, 'steps', {
      ms: [300, STEP_SECONDS * 1000, 300],
    });
    await within(PATIENCE_SECONDS, () => site.begins(id, 'step2').length > 0);
    await sleep(2_000);
    await site.interruptPostgres(AWAY_SECONDS * 1000);
    const seconds = STEP_SECONDS + PATIENCE_SECONDS;
    const isEnded = await within(seconds, () => site.isEnded(id));
    // The first run may have ended, and a second one go on.
    await within(PATIENCE_SECONDS, () => !site.isRunning(id));

    const status = isEnded
      ? await site.statusOf(id)
      : `still in progress after ${seconds} s`;
    const slow = site.begins(id, 'step2').length;
    const last = site.begins(id, 'step3').length;
    const beside = site.ranBesideItself(id, 'step2')
      ? ', at the same time'
      : '';
    return {
      ok: status === 'completed' && site.begins(id).length === 3,
      text: `${status}; the step ran ${times(slow)}${beside}; the next one ran ${times(last)}`,
    };
  },
};
