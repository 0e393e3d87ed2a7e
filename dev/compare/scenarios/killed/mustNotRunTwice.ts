import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { stillInProgress, times } from '../words';

/** Longer than any way takes to run it again, be it that the task has ended before. */
const WATCHED_SECONDS = 30;

export const mustNotRunTwice: Scenario = {
  id: '2',
  title: 'a template that must not run twice, killed in its effect',
  done: `The backend is killed (SIGKILL) in a step with an effect outside, which the journal counts, and started again. The template has no strategy; in the legacy way it has \`EXPERIMENTAL_strategy: none\``,
  wanted: `the effect happened once, and within ${PATIENCE_SECONDS} s the task has ended and says why`,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const id = await site.dispatchHeld(client, 'once', { hold: 'effect' });
    await backend.kill();
    await backend.start();
    const effects = () => site.begins(id, 'effect').length;
    const upAt = Date.now();
    const isEnded = await within(PATIENCE_SECONDS, () => site.isEnded(id));
    await within(
      WATCHED_SECONDS - (Date.now() - upAt) / 1000,
      () => effects() > 1,
    );
    const status = isEnded ? await site.statusOf(id) : stillInProgress();
    const saysWhy = Boolean(await site.errorOf(id));
    return {
      ok: effects() === 1 && status === 'failed' && saysWhy,
      text: `effect ${times(effects())}, ${status}${saysWhy ? ', says why' : ''}`,
    };
  },
};
