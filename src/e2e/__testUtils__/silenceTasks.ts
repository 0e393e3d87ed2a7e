import { TestSite } from '../../../dev/harness/TestSite';
import { secondsAgo } from '../../database/time';
import { TASKS } from '../../scaffolder/tables';

/**
 * Lets all running tasks of a site be silent for so many seconds. Those whose process lives would beat again.
 *
 * @throws Error if none is running, in which case the test would wait in vain.
 */
export async function silenceTasks(
  site: TestSite,
  seconds: number,
): Promise<void> {
  const knex = site.openScaffolderDatabase();
  const silenced = await knex(TASKS)
    .where({ status: 'processing' })
    .update({ last_heartbeat_at: secondsAgo(knex, seconds) });
  if (silenced === 0) {
    throw new Error('No task is running that could be silent');
  }
}
