import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { secondsSince, stillInProgress } from '../words';

/** Longer than any way takes to run it again, be it that the task has ended before. */
const WATCHED_SECONDS = 30;

export const cancelledWhileDown: Scenario = {
  id: '6',
  title: 'cancelled while its backend was down',
  done: 'A task is cancelled at one replica after the one that ran it was killed (SIGKILL)',
  wanted: `within ${PATIENCE_SECONDS} s the task has ended, and no step began after the cancellation. The scaffolder ends cancelled tasks as failed, so both count`,
  async run(site) {
    const first = await site.createBackend('first');
    const second = await site.createBackend('second');
    const client = await first.start();
    const survivor = await second.start();
    const id = await site.dispatchHeld(client, 'steps', { hold: 'step2' });
    await first.kill();
    await survivor.cancel(id);
    const cancelledAt = Date.now();
    const isEnded = await within(PATIENCE_SECONDS, () => site.isEnded(id));
    const endedAfter = secondsSince(cancelledAt);
    const begunSince = () => site.begins(id).filter(at => at > cancelledAt);
    await within(
      WATCHED_SECONDS - (Date.now() - cancelledAt) / 1000,
      () => begunSince().length > 0,
    );
    const begun = begunSince().length;
    const status = await site.statusOf(id);
    return {
      ok: isEnded && status !== 'completed' && begun === 0,
      text: `${
        isEnded ? `${status} after ${endedAfter}` : stillInProgress()
      }, ${begun || 'no'} step${begun === 1 ? '' : 's'} begun since`,
    };
  },
};
