import { setTimeout as sleep } from 'node:timers/promises';
import type { ComparedSite } from '../../ComparedSite';
import type { Scenario } from '../../scenario';
import { TIMEOUT_SECONDS } from '../../settings';
import { disturbSlowStep } from './slowStep';

const SHORT_SECONDS = TIMEOUT_SECONDS / 2;
/** Longer than the timeout and the built-in's next poll together, so that the other replica is sure to have noticed. */
const LONG_SECONDS = TIMEOUT_SECONDS + 14;
/** The step still runs for so long when its replica is back. */
const REMAINING_SECONDS = 10;

const describe = (seconds: number, stepSeconds: number) =>
  `Nothing passes between PostgreSQL and one of two replicas for ${seconds} s, and nobody is told (a TCP proxy), while that one runs a step of ${stepSeconds} s. Both stay up. Then what was sent arrives`;

const SHORT_STEP_SECONDS = SHORT_SECONDS + TIMEOUT_SECONDS + REMAINING_SECONDS;
const LONG_STEP_SECONDS = LONG_SECONDS + REMAINING_SECONDS;

export const cutOffForLess: Scenario = {
  id: '14a',
  title: `cut off from PostgreSQL for ${SHORT_SECONDS} s, beside another replica`,
  done: describe(SHORT_SECONDS, SHORT_STEP_SECONDS),
  wanted: 'the task completes, and each step ran once',
  alone: true,
  async run(site) {
    const { status, slow, next, text } = await cutOff(
      site,
      SHORT_SECONDS,
      SHORT_STEP_SECONDS,
    );
    return { ok: status === 'completed' && slow === 1 && next === 1, text };
  },
};

export const cutOffForLonger: Scenario = {
  id: '14b',
  title: `the same for ${LONG_SECONDS} s, longer than the timeout`,
  done: describe(LONG_SECONDS, LONG_STEP_SECONDS),
  wanted:
    'the task completes, and the next step ran once. The step itself may run twice, since nobody can tell such a replica from a dead one',
  alone: true,
  async run(site) {
    const { status, next, text } = await cutOff(
      site,
      LONG_SECONDS,
      LONG_STEP_SECONDS,
    );
    return { ok: status === 'completed' && next === 1, text };
  },
};

async function cutOff(
  site: ComparedSite,
  seconds: number,
  stepSeconds: number,
) {
  const network = await site.openNetwork();
  const runner = await site.createBackend('runner', { network });
  const other = await site.createBackend('other');
  const client = await runner.start();
  await other.boot();
  return disturbSlowStep(site, client, stepSeconds, async () => {
    network.silence();
    await sleep(seconds * 1000);
    network.restore();
  });
}
