import { resolveSafeChildPath } from '@backstage/backend-plugin-api';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { WorkContext } from '../StepRuns';

/** Those of @roadiehq/scaffolder-backend-module-utils that are as simple as this. The second one must not run twice on the same file. */
export const roadieWorks: Record<
  string,
  ((context: WorkContext) => Promise<void>) | undefined
> = {
  'roadiehq:utils:fs:write': async context => {
    await fs.writeFile(await fileOf(context), context.input.content);
  },
  'roadiehq:utils:fs:append': async context => {
    await fs.appendFile(await fileOf(context), context.input.content);
  },
};

async function fileOf({ workspacePath, input }: WorkContext): Promise<string> {
  const file = resolveSafeChildPath(workspacePath, input.path);
  await fs.mkdir(path.dirname(file), { recursive: true });
  return file;
}
