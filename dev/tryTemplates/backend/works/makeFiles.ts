import { resolveSafeChildPath } from '@backstage/backend-plugin-api';
import { traitsOf } from '../../../../src/check/actions';
import { normalise } from '../normalise';
import { writeSample } from './sampleFiles';
import type { WorkContext } from '../StepRuns';

/** Stands for an action that is known to write files, such as one that clones a repository: writes some, which differ with its input. */
export function makeFiles(action: string) {
  return async (context: WorkContext): Promise<void> => {
    const { input, workspacePath, task, plan, output, step } = context;
    const { writesTo = '.' } = traitsOf({ action, input }) ?? {};
    const text = `${action} with ${JSON.stringify(normalise(input, task.id))}\n`;
    await writeSample(
      resolveSafeChildPath(workspacePath, writesTo),
      text,
      true,
    );
    for (const [name, value] of Object.entries(plan.outputs[step!.id!] ?? {})) {
      output(name, value);
    }
  };
}
