import { isPublished } from '../../backend/files';
import {
  CHANGED_FILES,
  DIGEST_FILE,
  digestOfRightFiles,
  FILES,
  MEGABYTES,
} from '../../backend/largeFiles';
import type { ComparedSite } from '../../ComparedSite';
import type { Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { firstSentence, stillInProgress } from '../words';

const NAME = 'large';
/** To write the files and to store them, for all ways at once. */
const STAGING_SECONDS = 120;

export const largeWorkspace: Scenario = {
  id: '10',
  title: `a workspace of ${MEGABYTES} MB, killed in the last step`,
  done: `A step writes ${format(FILES)} files of ${MEGABYTES} MB in total, the next one changes ${CHANGED_FILES} of them, and the last one publishes a hash of all. The backend is killed (SIGKILL) in the last one and started again, with an empty working directory. The template has nothing but its strategy`,
  wanted: `no step fails, and within ${PATIENCE_SECONDS} s the task completes with the right hash. The figures are the time from the end of a step to the begin of the next one, first after all files were written, then after ${CHANGED_FILES} were changed: what it takes to store the workspace is in it`,
  alone: true,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const id = await site.dispatch(client, 'large', {
      name: NAME,
      hold: 'publish',
    });
    const isHeld = () => site.begins(id, 'publish').length > 0;
    await within(
      STAGING_SECONDS,
      async () => isHeld() || (await site.isEnded(id)),
    );
    if (!isHeld()) {
      const why = firstSentence((await site.errorOf(id)) ?? '');
      return { ok: false, text: `${await site.statusOf(id)} before: ${why}` };
    }
    const figures = formatFigures(site, id);
    await backend.kill();
    await site.loseDisk('backend');
    await backend.start();
    const isEnded = await within(PATIENCE_SECONDS, () => site.isEnded(id));

    const status = isEnded ? await site.statusOf(id) : stillInProgress();
    const isRight = await isPublished(site.repositoryOf(NAME), {
      [DIGEST_FILE]: digestOfRightFiles(),
    });
    const files = isRight ? 'the right files' : 'wrong files';
    return {
      ok: status === 'completed' && isRight,
      text: `${status}${
        status === 'completed' ? ` with ${files}` : ''
      } (${figures})`,
    };
  },
};

function formatFigures(site: ComparedSite, id: string): string {
  return [
    site.msBetween(id, 'fill', 'change'),
    site.msBetween(id, 'change', 'publish'),
  ]
    .map(ms => `${(ms / 1000).toFixed(2)} s`)
    .join(', ');
}

function format(count: number): string {
  return count.toLocaleString('en');
}
