import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS, TIMEOUT_SECONDS } from '../../settings';
import { goesOn } from '../goesOn';

export const deployment: Scenario = {
  id: '4',
  title: 'a deployment: SIGTERM and restart',
  done: `The backend is asked to end (SIGTERM) in a step, and started again at once. The built-in ways wait for their timeout, which is ${TIMEOUT_SECONDS} s here and 30 s unless set`,
  wanted: `the task goes on within ${PATIENCE_SECONDS} s of the restart. The figure is the time from SIGTERM to its next step, with a start of the backend in it`,
  alone: true,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const id = await site.dispatchHeld(client, 'steps', { hold: 'step2' });
    const signalledAt = Date.now();
    await backend.kill('SIGTERM');
    await backend.start();
    return goesOn(site, id, signalledAt, PATIENCE_SECONDS);
  },
};
