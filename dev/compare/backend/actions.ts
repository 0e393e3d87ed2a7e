import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionsModule } from '../../harness/actions/actionsModule';
import { Journal } from '../../harness/actions/journal';
import { createRepository, publish } from '../../harness/actions/repositories';
import { appendNotice, fetchSkeleton, transform } from './files';
import { changeLarge, DIGEST_FILE, digestOf, fillLarge } from './largeFiles';

/** Longer than any scenario. */
const FOR_EVER_MS = 900_000;

type Work = (context: {
  name: string;
  workspacePath: string;
  /** The git repository of this name. */
  repository: string;
  temporaryDirectory(): Promise<string>;
  /**
   * Takes the time that the step is to take. For ever, if the backend is to be ended in it.
   *
   * @throws Error if the step is to fail halfway
   */
  pause(): Promise<void>;
}) => Promise<void>;

const WORKS: Record<string, Work> = {
  wait: ({ pause }) => pause(),
  fetch: ({ workspacePath, pause }) => fetchSkeleton(workspacePath, pause),
  transform: ({ workspacePath, name, pause }) =>
    transform(workspacePath, name, pause),
  notice: ({ workspacePath, pause }) => appendNotice(workspacePath, pause),
  async publish({ workspacePath, repository, temporaryDirectory, pause }) {
    await createRepository(repository);
    await pause();
    const clone = await temporaryDirectory();
    await publish({ from: workspacePath, to: repository, clone });
  },
  fillLarge: ({ workspacePath, pause }) => fillLarge(workspacePath, pause),
  changeLarge: ({ workspacePath, pause }) => changeLarge(workspacePath, pause),
  // A push of so many files would take longer than all else.
  async publishDigest({ workspacePath, temporaryDirectory, ...context }) {
    const from = await temporaryDirectory();
    const publishDigest = async () => {
      await context.pause();
      const digest = await digestOf(workspacePath);
      await fs.writeFile(path.join(from, DIGEST_FILE), digest);
    };
    await WORKS.publish({
      ...context,
      temporaryDirectory,
      workspacePath: from,
      pause: publishDigest,
    });
  },
  async crash({ pause }) {
    await pause();
    process.abort();
  },
};

/** The actions of the compared templates. Each notes in a journal outside the database when it begins and ends. */
export const comparedActions = actionsModule('compared-actions', config => {
  const journal = new Journal(config.getString('dev.journals'));
  const gitDirectory = config.getString('dev.gitDirectory');
  return Object.entries(WORKS).map(([name, work]) =>
    createAction({ name, work, journal, gitDirectory }),
  );
});

function createAction(options: {
  name: string;
  work: Work;
  journal: Journal;
  gitDirectory: string;
}) {
  const { name: action, work, journal, gitDirectory } = options;
  return createTemplateAction({
    id: `compare:${action}`,
    schema: {
      input: {
        name: z => z.string(),
        ms: z => z.number().describe('How long it takes'),
        hold: z =>
          z
            .string()
            .optional()
            .describe('The step of which the first run never ends'),
        fail: z =>
          z
            .string()
            .optional()
            .describe('The step of which the first run fails halfway'),
      },
    },
    async handler({
      input: { name, ms, hold, fail },
      workspacePath,
      task,
      step,
      createTemporaryDirectory,
    }) {
      const stepId = step!.id!;
      const noted = {
        taskId: task.id!,
        stepId,
        runId: randomUUID(),
        problems: [],
      };
      await journal.during(noted, async countBegins => {
        const isFirst = countBegins() === 1;
        await work({
          name,
          workspacePath,
          repository: path.join(gitDirectory, `${name}.git`),
          temporaryDirectory: createTemporaryDirectory,
          async pause() {
            await sleep(isFirst && hold === stepId ? FOR_EVER_MS : ms);
            if (isFirst && fail === stepId) {
              throw new Error('This run was to fail halfway');
            }
          },
        });
      });
    },
  });
}
