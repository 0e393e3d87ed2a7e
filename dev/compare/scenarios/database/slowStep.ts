import { setTimeout as sleep } from 'node:timers/promises';
import type { ScaffolderClient } from '../../../harness/backend/ScaffolderClient';
import type { ComparedSite } from '../../ComparedSite';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { stillInProgress, times } from '../words';

/** What became of a task whose second step was disturbed. */
type Runs = {
  status: string;
  /** How often its steps ran. */
  slow: number;
  next: number;
  text: string;
};

/** How long the step runs before it is disturbed, and how long nothing may run for a task to have come to its rest. */
const MOMENT_MS = 2_000;

/** Disturbs the second step of a task, which takes so many seconds, and waits until no run of it goes on. */
export async function disturbSlowStep(
  site: ComparedSite,
  client: ScaffolderClient,
  stepSeconds: number,
  disturb: () => Promise<void>,
): Promise<Runs> {
  const id = await site.dispatch(client, 'steps', {
    ms: [300, stepSeconds * 1000, 300],
  });
  const hasBegun = () => site.begins(id, 'step2').length > 0;
  if (!(await within(PATIENCE_SECONDS, hasBegun))) {
    throw new Error(`The step did not begin within ${PATIENCE_SECONDS} s`);
  }
  await sleep(MOMENT_MS);
  await disturb();
  const seconds = stepSeconds + PATIENCE_SECONDS;
  const isEnded = await within(seconds, () => site.isEnded(id));
  // The first run may have ended, and a second one go on.
  await within(seconds, async () => {
    const isAtRest = () => !site.isRunning(id);
    return isAtRest() && (await sleep(MOMENT_MS, true)) && isAtRest();
  });

  const status = isEnded ? await site.statusOf(id) : stillInProgress(seconds);
  const slow = site.begins(id, 'step2').length;
  const next = site.begins(id, 'step3').length;
  const beside = site.ranBesideItself(id, 'step2') ? ', at the same time' : '';
  return {
    status,
    slow,
    next,
    text: `${status}; the step ran ${times(slow)}${beside}; the next one ran ${times(next)}`,
  };
}
