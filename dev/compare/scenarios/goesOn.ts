import type { ComparedSite } from '../ComparedSite';
import type { Cell } from '../scenario';
import { within } from './within';
import { secondsSince, stillInProgress } from './words';

/**
 * Waits until a task goes on. The figure is the time from the fault to its next step.
 *
 * @param faultAt - when the run that was interrupted could begin no step any more
 * @param patienceSeconds - how long to wait from now
 */
export async function goesOn(
  site: ComparedSite,
  taskId: string,
  faultAt: number,
  patienceSeconds: number,
): Promise<Cell> {
  const next = () => site.begins(taskId).find(at => at > faultAt);
  await within(patienceSeconds, () => next() !== undefined);
  const at = next();
  if (at !== undefined) {
    return { ok: true, text: `goes on after ${secondsSince(faultAt, at)}` };
  }
  const status = await site.statusOf(taskId);
  return {
    ok: false,
    text:
      status === 'open'
        ? `still open after ${patienceSeconds} s, nobody runs it`
        : stillInProgress(patienceSeconds),
  };
}
