import { ScaffolderClient } from '../../../harness/backend/ScaffolderClient';
import type { Scenario } from '../../scenario';
import { within } from '../within';
import { secondsSince, times } from '../words';

const LIMIT_SECONDS = 180;
const OTHERS = 3;
const STEP_SECONDS = 3;
const CRASH_SECONDS = 1;

export const crashingStep: Scenario = {
  id: '5',
  title: 'a step that ends the backend each time',
  done: `A step ends its process after ${CRASH_SECONDS} s, each time. ${OTHERS} other tasks with three steps of ${STEP_SECONDS} s run beside it. The backend is started again whenever it has ended`,
  wanted: `within ${LIMIT_SECONDS} s the others complete and the one that ends the backend is stopped`,
  alone: true,
  async run(site) {
    const replica = await site.openReplica('backend');
    const client = await ScaffolderClient.asGuest(replica.url);
    const others: string[] = [];
    for (let i = 0; i < OTHERS; i++) {
      const ms = [1, 2, 3].map(() => STEP_SECONDS * 1000);
      others.push(await site.dispatch(client, 'steps', { ms }));
    }
    const startedAt = Date.now();
    const crashing = await site.dispatch(client, 'crash', {
      ms: [300, CRASH_SECONDS * 1000],
    });
    const allEnded = await within(LIMIT_SECONDS, () =>
      site.areEnded([crashing, ...others]),
    );

    const after = allEnded ? secondsSince(startedAt) : `${LIMIT_SECONDS} s`;
    const deaths = replica.lifetimes.filter(l => l.endedByItself).length;
    const statuses = await Promise.all(others.map(id => site.statusOf(id)));
    const completed = statuses.filter(s => s === 'completed').length;
    const status = await site.statusOf(crashing);
    const isStopped = await site.isEnded(crashing);
    return {
      ok: allEnded && isStopped && completed === OTHERS,
      text: `died ${times(deaths)}; after ${after} the task is ${
        isStopped ? status : 'not stopped'
      }, ${completed} of ${OTHERS} others completed`,
    };
  },
};
