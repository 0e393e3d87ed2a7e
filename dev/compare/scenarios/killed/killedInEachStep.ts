import { isPublished, transformedFiles } from '../../backend/files';
import type { Cell, Scenario } from '../../scenario';
import { PATIENCE_SECONDS } from '../../settings';
import type { ComparedSite } from '../../ComparedSite';
import type { TemplateName } from '../../templates';
import { within } from '../within';
import { stillInProgress } from '../words';

const STEPS = ['fetch', 'transform', 'publish'];

const DONE =
  'Three tasks of a template that fetches files, transforms them and pushes them to a git repository, each in another step when the backend is killed (SIGKILL) and started again';
const DEPENDS_ON =
  'The template says which steps need the files of which others (`recovery.dependsOn`), which only this module reads';
const WANTED = `all three complete within ${PATIENCE_SECONDS} s, with the right files in the repository. The figures are how often fetch, transform and publish ran, for the task that was killed in fetch, in transform and in publish`;

/** The usual case on Kubernetes. */
export const killedWithoutDisk: Scenario = {
  id: '1a',
  title: 'fetch → transform → publish, killed in each step; a container',
  done: `${DONE}, with an empty working directory, as a new container has one. ${DEPENDS_ON}`,
  wanted: WANTED,
  run: site => run(site, 'repository', () => site.loseDisk('backend')),
};

/** The usual case on a machine of one's own. */
export const killedWithDisk: Scenario = {
  id: '1b',
  title: 'the same, where the disk outlives the backend',
  done: `${DONE} on the same working directory. ${DEPENDS_ON}`,
  wanted: WANTED,
  run: site => run(site, 'repository', async () => {}),
};

/** What most templates are like. */
export const killedWithoutDependsOn: Scenario = {
  id: '1c',
  title: 'as 1a, with a template that has no `dependsOn`',
  done: `${DONE}, with an empty working directory. The template has nothing but its strategy`,
  wanted: WANTED,
  run: site => run(site, 'without-depends-on', () => site.loseDisk('backend')),
};

async function run(
  site: ComparedSite,
  template: TemplateName,
  beforeRestart: () => Promise<void>,
): Promise<Cell> {
  const backend = await site.createBackend('backend');
  const client = await backend.start();
  const tasks: { id: string; name: string }[] = [];
  for (const step of STEPS) {
    const name = `killed-in-${step}`;
    const id = await site.dispatchHeld(client, template, { name, hold: step });
    tasks.push({ id, name });
  }
  await backend.kill();
  await beforeRestart();
  await backend.start();
  await within(PATIENCE_SECONDS, () => site.areEnded(tasks.map(t => t.id)));

  let right = 0;
  const states: string[] = [];
  for (const { id, name } of tasks) {
    const status = await site.statusOf(id);
    states.push(status);
    if (
      status === 'completed' &&
      (await isPublished(site.repositoryOf(name), transformedFiles(name)))
    ) {
      right += 1;
    }
  }
  const runs = tasks.map(({ id }) => site.countRuns(id, STEPS)).join(', ');
  const ok = right === tasks.length;
  return {
    ok,
    text: `${right} of ${tasks.length} right${
      ok ? '' : `: ${describe(states)}`
    } (${runs})`,
  };
}

function describe(states: string[]): string {
  if (states.every(s => s === 'processing')) {
    return stillInProgress();
  }
  return states.map(s => (s === 'processing' ? 'in progress' : s)).join(', ');
}
