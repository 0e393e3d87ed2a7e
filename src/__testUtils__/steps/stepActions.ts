import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import { scaffolderActionsExtensionPoint } from '@backstage/plugin-scaffolder-node';
import fs from 'node:fs';
import path from 'node:path';
import { readTree } from './readTree';
import { setTimeout as sleep } from 'node:timers/promises';
import { StepJournal } from './StepJournal';

/** An action that does what a test needs of a step, and notes each time that it begins. */
export const stepActions = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'step-actions',
  register({ registerInit }) {
    registerInit({
      deps: {
        actions: scaffolderActionsExtensionPoint,
        config: coreServices.rootConfig,
      },
      async init({ actions, config }) {
        const journal = new StepJournal(config.getString('test.journal'));
        actions.addActions(createStepAction(journal));
      },
    });
  },
});

function createStepAction(journal: StepJournal) {
  return createTemplateAction({
    id: 'test:step',
    schema: {
      input: {
        name: z => z.string().describe('What it is noted as'),
        write: z => z.string().optional().describe('A file that it makes'),
        read: z => z.string().optional().describe('A file that it needs'),
        fails: z => z.number().optional().describe('How often it fails first'),
        hangs: z =>
          z.number().optional().describe('How often it does not end first'),
        show: z => z.string().optional().describe('What is noted with it'),
        checkpoint: z => z.boolean().optional(),
        effect: z =>
          z.string().optional().describe('What it notes in a checkpoint'),
        waitsFor: z =>
          z
            .string()
            .optional()
            .describe('A file that has to be there before it goes on'),
      },
      output: { name: z => z.string() },
    },
    async handler({ input, output, task, workspacePath, checkpoint, signal }) {
      const { name, write, read, fails = 0, hangs = 0, show, effect } = input;
      const files = fs.readdirSync(workspacePath).sort();
      const count = journal.add({
        taskId: task.id,
        name,
        files,
        tree: readTree(workspacePath, { withTimes: false }),
        show,
      });
      if (read && !files.includes(read)) {
        throw new Error(`${read} is not there`);
      }
      if (write) {
        fs.writeFileSync(path.join(workspacePath, write), name);
      }
      if (input.checkpoint) {
        await checkpoint({ key: 'once', fn: async () => name });
      }
      if (effect) {
        await checkpoint({
          key: 'effect',
          fn: async () => {
            const tree = readTree(workspacePath, { withTimes: false });
            journal.add({ taskId: task.id, name: effect, files, tree });
            return effect;
          },
        });
      }
      while (input.waitsFor && !fs.existsSync(input.waitsFor)) {
        await sleep(100, undefined, { signal });
      }
      if (count <= hangs) {
        await new Promise((_, reject) => {
          signal!.addEventListener('abort', () =>
            reject(new Error('Cancelled')),
          );
        });
      }
      if (count <= fails) {
        throw new Error(`${name} fails for the ${count}. time`);
      }
      output('name', name);
    },
  });
}
