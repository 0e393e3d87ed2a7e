import {
  Files,
  isPublished,
  noticedFiles,
  transformedFiles,
} from '../../backend/files';
import type { ComparedSite } from '../../ComparedSite';
import type { Cell, Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import type { TemplateName } from '../../templates';
import { within } from '../within';
import { firstSentence, stillInProgress } from '../words';

const NAME = 'retried';

const WANTED = `within ${PATIENCE_SECONDS} s of the retry the task completes, with the right files in the repository. The figures are how often each of the three steps ran`;

/** A service that was away, and is there again. */
export const retriedWithTransform: Scenario = {
  id: '11a',
  title: 'a retry of a task that failed halfway through a step',
  done: 'The second step puts a name into the files that the first one fetched, and fails when it has done so in one of them. The task ends as failed, and is started again (`POST /v2/tasks/{taskId}/retry`). The backend runs all the time',
  wanted: WANTED,
  run: site =>
    run(site, {
      template: 'without-depends-on',
      steps: ['fetch', 'transform', 'publish'],
      files: transformedFiles(NAME),
    }),
};

export const retriedWithHalfChangedFiles: Scenario = {
  id: '11b',
  title: 'the same, where the step must find the files as they were',
  done: 'As before, but the second step appends a line to each file. In a file that it has changed already, the line is there twice after another run',
  wanted: WANTED,
  run: site =>
    run(site, {
      template: 'notice',
      steps: ['fetch', 'notice', 'publish'],
      files: noticedFiles(),
    }),
};

async function run(
  site: ComparedSite,
  options: { template: TemplateName; steps: string[]; files: Files },
): Promise<Cell> {
  const { template, steps, files } = options;
  const backend = await site.createBackend('backend');
  const client = await backend.start();
  const id = await site.dispatch(client, template, {
    name: NAME,
    fail: steps[1],
  });
  const hasFailed = await within(PATIENCE_SECONDS, () => site.isEnded(id));
  if (!hasFailed) {
    throw new Error(`Step ${steps[1]} did not fail`);
  }
  await client.retry(id);
  const isEnded = await within(PATIENCE_SECONDS, () => site.isEnded(id));

  const status = isEnded ? await site.statusOf(id) : stillInProgress();
  const runs = site.countRuns(id, steps);
  if (status !== 'completed') {
    const why = firstSentence((await site.errorOf(id)) ?? '');
    return { ok: false, text: `${status} (${runs}): ${why}` };
  }
  const ok = await isPublished(site.repositoryOf(NAME), files);
  return {
    ok,
    text: `completed with ${ok ? 'the right' : 'wrong'} files (${runs})`,
  };
}
