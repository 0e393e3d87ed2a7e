import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import {
  createTemplateAction,
  scaffolderActionsExtensionPoint,
} from '@backstage/plugin-scaffolder-node';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Journal } from '../harness/journal';
import { createRepository, publish } from '../harness/repositories';
import { appendNotice, fetchSkeleton, transform } from './files';
import { changeLarge, DIGEST_FILE, digestOf, fillLarge } from './largeFiles';

/** Longer than any scenario. */
const FOR_EVER_MS = 900_000;

type Work = (context: {
  name: string;
  workspacePath: string;
  temporaryDirectory(): Promise<string>;
  /**
   * Takes the time that the step is to take. For ever, if the backend is to be ended in it.
   *
   * @throws Error if the step is to fail halfway
   */
  pause(): Promise<void>;
}) => Promise<void>;

/** The actions of the compared templates. Each notes in a journal outside the database when it begins and ends. */
export const comparedActions = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'compared-actions',
  register({ registerInit }) {
    registerInit({
      deps: {
        actions: scaffolderActionsExtensionPoint,
        config: coreServices.rootConfig,
      },
      async init({ actions, config }) {
        const journal = new Journal(config.getString('compare.journals'));
        const gitDirectory = config.getString('dev.gitDirectory');
        const works: Record<string, Work> = {
          async wait({ pause }) {
            await pause();
          },
          async fetch({ workspacePath, pause }) {
            await fetchSkeleton(workspacePath, pause);
          },
          async transform({ workspacePath, name, pause }) {
            await transform(workspacePath, name, pause);
          },
          async notice({ workspacePath, pause }) {
            await appendNotice(workspacePath, pause);
          },
          async publish({ workspacePath, name, temporaryDirectory, pause }) {
            const to = path.join(gitDirectory, `${name}.git`);
            await createRepository(to);
            await pause();
            const clone = await temporaryDirectory();
            await publish({ from: workspacePath, to, clone });
          },
          async fillLarge({ workspacePath, pause }) {
            await fillLarge(workspacePath, pause);
          },
          async changeLarge({ workspacePath, pause }) {
            await changeLarge(workspacePath, pause);
          },
          // A push of so many files would take longer than all else.
          async publishDigest({
            workspacePath,
            name,
            temporaryDirectory,
            pause,
          }) {
            const to = path.join(gitDirectory, `${name}.git`);
            await createRepository(to);
            await pause();
            const from = await temporaryDirectory();
            const digest = await digestOf(workspacePath);
            await fs.writeFile(path.join(from, DIGEST_FILE), digest);
            await publish({ from, to, clone: await temporaryDirectory() });
          },
          async crash({ pause }) {
            await pause();
            process.abort();
          },
        };
        for (const [name, work] of Object.entries(works)) {
          actions.addActions(createAction(name, work, journal));
        }
      },
    });
  },
});

function createAction(name: string, work: Work, journal: Journal) {
  return createTemplateAction({
    id: `compare:${name}`,
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
      input,
      workspacePath,
      task,
      step,
      createTemporaryDirectory,
    }) {
      const taskId = task.id!;
      const stepId = step!.id!;
      const runId = randomUUID();
      const entry = { taskId, stepId, runId, problems: [] };
      journal.append({ kind: 'begin', ...entry });
      const isFirst = journal.countBegins(taskId, stepId) === 1;
      const isHeld = isFirst && input.hold === stepId;
      const isToFail = isFirst && input.fail === stepId;
      await work({
        name: input.name,
        workspacePath,
        temporaryDirectory: createTemporaryDirectory,
        async pause() {
          await sleep(isHeld ? FOR_EVER_MS : input.ms);
          if (isToFail) {
            throw new Error('This run was to fail halfway');
          }
        },
      });
      journal.append({ kind: 'end', ...entry });
    },
  });
}
