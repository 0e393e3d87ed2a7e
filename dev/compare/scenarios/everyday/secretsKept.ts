import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { secondsSince } from '../words';

const ACCEPTED_SECONDS = 15;

export const secretsKept: Scenario = {
  id: '9',
  title: 'secrets of a task that will never be recovered',
  done: 'A task with a secret, of a template that must not run twice, runs a long step',
  wanted: `the secret is gone from the database within ${ACCEPTED_SECONDS} s. The figure is the time since the step began`,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const id = await site.dispatchHeld(client, 'once', { hold: 'effect' });
    const begunAt = site.begins(id)[0];
    const isGone = await within(
      PATIENCE_SECONDS,
      async () => !(await site.hasSecret(id)),
    );
    return isGone
      ? {
          ok: Date.now() - begunAt <= ACCEPTED_SECONDS * 1000,
          text: `gone after ${secondsSince(begunAt)}`,
        }
      : { ok: false, text: `still there after ${PATIENCE_SECONDS} s` };
  },
};
