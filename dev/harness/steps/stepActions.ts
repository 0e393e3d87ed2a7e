import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionsModule } from '../actions/actionsModule';
import { Journal } from '../actions/journal';
import { readTree } from './readTree';

/** An action that does what a test needs of a step, and notes each time that it begins. */
export const stepActions = actionsModule('step-actions', config => [
  createStepAction(new Journal(config.getString('dev.journals'))),
]);

function createStepAction(journal: Journal) {
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
        crashes: z =>
          z.number().optional().describe('How often it ends its process first'),
        ms: z => z.number().optional().describe('How long it takes'),
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
      const noted = (as: string) => ({
        taskId: task.id,
        stepId: as,
        runId: randomUUID(),
        problems: [],
        found: {
          files,
          tree: readTree(workspacePath, { withTimes: false }),
          show,
        },
      });
      await journal.during(noted(name), async countBegins => {
        const count = countBegins();
        if (count <= (input.crashes ?? 0)) {
          process.abort();
        }
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
              journal.note(noted(effect));
              return effect;
            },
          });
        }
        await sleep(input.ms ?? 0, undefined, { signal });
        while (input.waitsFor && !fs.existsSync(input.waitsFor)) {
          await sleep(100, undefined, { signal });
        }
        if (count <= hangs) {
          await once(signal!, 'abort');
          throw new Error('Cancelled');
        }
        if (count <= fails) {
          throw new Error(`${name} fails for the ${count}. time`);
        }
        output('name', name);
      });
    },
  });
}
