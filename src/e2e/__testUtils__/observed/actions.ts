import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { actionsModule } from '../../../../dev/harness/actions/actionsModule';

/** An action that logs all that it sees, and does what its input says. */
export const observedActions = actionsModule('observed-actions', () => [
  createObservedAction(),
]);

function createObservedAction() {
  /** How often each step of each task ran. */
  const runs = new Map<string, number>();
  return createTemplateAction({
    id: 'observe:step',
    description: 'Logs what it sees',
    supportsDryRun: true,
    schema: {
      input: {
        value: z => z.any().optional(),
        writes: z =>
          z
            .string()
            .optional()
            .describe('A file that it writes, or appends to'),
        fails: z => z.boolean().optional().describe('The first time'),
        holds: z =>
          z.boolean().optional().describe('The first time, until cancelled'),
      },
      output: { value: z => z.any(), run: z => z.number() },
    },
    async handler(ctx) {
      const { input, workspacePath, logger, signal } = ctx;
      const key = `${ctx.task.id} ${ctx.step?.id} ${JSON.stringify(ctx.each)}`;
      const run = (runs.get(key) ?? 0) + 1;
      runs.set(key, run);
      const checkpoint = await ctx.checkpoint({ key: 'run', fn: () => run });
      logger.info(
        `saw ${JSON.stringify({
          run,
          checkpoint,
          input,
          files: await readFiles(workspacePath),
          secrets: Object.keys(ctx.secrets ?? {}).sort(),
          step: ctx.step,
          each: ctx.each,
          template: ctx.templateInfo?.entityRef,
          user: ctx.user?.ref,
          isDryRun: ctx.isDryRun,
          isAborted: signal?.aborted,
        })}`,
      );
      if (input.writes) {
        await fs.appendFile(path.join(workspacePath, input.writes), `${run}\n`);
      }
      if (input.fails && run === 1) {
        throw new Error('fails the first time');
      }
      if (input.holds && run === 1 && signal && !ctx.isDryRun) {
        await once(signal, 'abort');
        throw new Error('held until it was cancelled');
      }
      ctx.output('value', input.value ?? null);
      ctx.output('run', run);
    },
  });
}

async function readFiles(folder: string): Promise<Record<string, string>> {
  const names = (await fs.readdir(folder)).sort();
  const texts = names.map(async name => [
    name,
    await fs.readFile(path.join(folder, name), 'utf8'),
  ]);
  return Object.fromEntries(await Promise.all(texts));
}
