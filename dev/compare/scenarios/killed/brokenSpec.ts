import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';

const OTHERS = 3;

export const brokenSpec: Scenario = {
  id: '7',
  title: 'one row with a broken spec among the interrupted tasks',
  done: `The backend is killed (SIGKILL) with ${
    OTHERS + 1
  } tasks, the spec of one is made no JSON, and the backend is started again`,
  wanted: `the others complete within ${PATIENCE_SECONDS} s`,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const ids: string[] = [];
    for (let i = 0; i <= OTHERS; i++) {
      ids.push(await site.dispatchHeld(client, 'steps', { hold: 'step2' }));
    }
    await backend.kill();
    const [broken, ...others] = ids;
    await site.knex('tasks').where({ id: broken }).update({ spec: '{broken' });
    await backend.start();
    await within(PATIENCE_SECONDS, () => site.areEnded(ids));

    const statuses = await Promise.all(others.map(id => site.statusOf(id)));
    const completed = statuses.filter(s => s === 'completed').length;
    const brokenStatus = await site.statusOf(broken);
    return {
      ok: completed === OTHERS,
      text: `${completed} of ${OTHERS} completed${
        completed === OTHERS ? '' : ` after ${PATIENCE_SECONDS} s`
      }, the broken one is ${
        brokenStatus === 'processing' ? 'still in progress' : brokenStatus
      }`,
    };
  },
};
