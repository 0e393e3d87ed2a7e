import { BackendExited } from '../../../harness/backend/BackendProcess';
import { isPublished, transformedFiles } from '../../backend/files';
import { formatConfig } from '../../report/formatConfig';
import type { Scenario } from '../../scenario';
import { DEFAULT_PATIENCE_SECONDS } from '../../settings';
import { within } from '../within';
import { firstSentence, stillInProgress } from '../words';

const NAME = 'two-lines';

export const twoLines: Scenario = {
  id: '13',
  title:
    'as 1c, in production, with nothing configured but what switches it on',
  done: 'A task of a template that fetches files, transforms them and pushes them to a git repository is in its second step when the backend is killed (SIGKILL) and started again, with an empty working directory. The template has nothing but its strategy. The backend runs with `NODE_ENV=production` and has nothing configured but what switches the way on, which is in the cell',
  wanted: `that is enough: within ${DEFAULT_PATIENCE_SECONDS} s of its restart the task completes, with the right files in the repository`,
  async run(site, way) {
    const backend = await site.createBackend('backend', {
      hasDefaults: true,
      isProduction: true,
    });
    const configured = formatConfig(way.configure());
    try {
      await backend.boot();
    } catch (error) {
      return {
        ok: false,
        text: `the backend does not start: ${reasonOf(error)} (${configured})`,
      };
    }
    const client = await backend.signIn();
    const id = await site.dispatchHeld(client, 'without-depends-on', {
      name: NAME,
      hold: 'transform',
    });
    await backend.kill();
    await site.loseDisk('backend');
    await backend.start();
    const isEnded = await within(DEFAULT_PATIENCE_SECONDS, () =>
      site.isEnded(id),
    );
    const status = isEnded
      ? await site.statusOf(id)
      : stillInProgress(DEFAULT_PATIENCE_SECONDS);
    const isRight = await isPublished(
      site.repositoryOf(NAME),
      transformedFiles(NAME),
    );
    const error = firstSentence((await site.errorOf(id)) ?? '');
    const became =
      status === 'completed'
        ? `completed with ${isRight ? 'the right' : 'wrong'} files`
        : `${status}${error && `: ${error}`}`;
    return {
      ok: status === 'completed' && isRight,
      text: `${became} (${configured})`,
    };
  },
};

/**
 * Why a backend did not start, by the first error in its log, which is JSON in production.
 *
 * @throws what was thrown, if that is anything else
 */
function reasonOf(error: unknown): string {
  const lines = error instanceof BackendExited ? error.log.split('\n') : [];
  for (const line of lines.filter(l => l.startsWith('{'))) {
    const { level, stack } = JSON.parse(line);
    if (level === 'error' && stack) {
      return firstSentence(stack).replace(/^Error: /, '');
    }
  }
  throw error;
}
