import type { Scenario } from '../../scenario';
import { DEFAULT_PATIENCE_SECONDS } from '../../settings';
import { goesOn } from '../goesOn';

const CONFIGURED = 'Nothing is configured but what switches the way on';
const FIGURE = 'The figure is the time from SIGKILL to its next step';

export const restartedAtOnce: Scenario = {
  id: '12a',
  title: 'a crash with default settings, started again at once',
  done: `The backend is killed (SIGKILL) in a step, and started again at once. ${CONFIGURED}`,
  wanted: `the task goes on within ${DEFAULT_PATIENCE_SECONDS} s of the restart. ${FIGURE}, with a start of the backend in it`,
  alone: true,
  async run(site) {
    const backend = await site.createBackend('backend', { hasDefaults: true });
    const client = await backend.start();
    const id = await site.dispatchHeld(client, 'steps', { hold: 'step2' });
    const killedAt = Date.now();
    await backend.kill();
    await backend.start();
    return goesOn(site, id, killedAt, DEFAULT_PATIENCE_SECONDS);
  },
};

export const besideAnother: Scenario = {
  id: '12b',
  title: 'the same, with another replica instead of a restart',
  done: `One of two replicas is killed (SIGKILL) in a step, and stays away. ${CONFIGURED}`,
  wanted: `the task goes on within ${DEFAULT_PATIENCE_SECONDS} s. ${FIGURE}`,
  alone: true,
  async run(site) {
    const first = await site.createBackend('first', { hasDefaults: true });
    const second = await site.createBackend('second', { hasDefaults: true });
    const client = await first.start();
    await second.boot();
    const id = await site.dispatchHeld(client, 'steps', { hold: 'step2' });
    const killedAt = Date.now();
    await first.kill();
    return goesOn(site, id, killedAt, DEFAULT_PATIENCE_SECONDS);
  },
};
