import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import {
  createTemplateAction,
  scaffolderActionsExtensionPoint,
} from '@backstage/plugin-scaffolder-node';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClaimedWorkspaces } from './ClaimedWorkspaces';
import { Journal, StepProblem } from '../harness/journal';
import { CHAOS_ACTION } from './settings';
import { secretOf, tokenOf } from './templates';

/** The action of all chaos templates. */
export const chaosAction = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'chaos-action',
  register({ registerInit }) {
    registerInit({
      deps: {
        actions: scaffolderActionsExtensionPoint,
        config: coreServices.rootConfig,
      },
      async init({ actions, config }) {
        const journal = new Journal(config.getString('chaos.journals'));
        actions.addActions(createChaosAction(journal));
      },
    });
  },
});

/**
 * A step that takes its time and notes when it began and ended. It leaves a file and an output, and looks for those that it
 * was promised. What it misses is noted, and the step goes on: whether a task fails is up to the scaffolder.
 */
function createChaosAction(journal: Journal) {
  const workspaces = new ClaimedWorkspaces();
  return createTemplateAction({
    id: CHAOS_ACTION,
    description: 'Sleeps, and notes what it finds',
    schema: {
      input: {
        ms: z => z.number(),
        name: z => z.string(),
        needs: z => z.array(z.string()).describe('Steps whose files it needs'),
        // Of any type: one that was not restored is to be noted, not refused.
        outputs: z => z.record(z.any()).describe('Of all steps before it'),
        secret: z => z.any(),
        crashes: z =>
          z
            .number()
            .optional()
            .describe('How often the process is aborted in this step'),
      },
      output: { token: z => z.string() },
    },
    async handler({ input, output, workspacePath, task, step, signal }) {
      const taskId = task.id!;
      const stepId = step!.id!;
      const { runId, problems } = await workspaces.enter(
        signal!,
        workspacePath,
      );
      for (const needed of input.needs) {
        const file = path.join(workspacePath, needed);
        const writtenBy = await fs.readFile(file, 'utf8').catch(() => '');
        if (writtenBy !== runId) {
          problems.push({
            kind: writtenBy ? 'workspaceNotFresh' : 'fileMissing',
            detail: `the file of ${needed} was written by ${
              writtenBy || 'nobody'
            }`,
          });
        }
      }
      for (const [earlier, token] of Object.entries(input.outputs)) {
        if (token !== tokenOf(input.name, earlier)) {
          problems.push({
            kind: 'outputNotRestored',
            detail: `the output of ${earlier} is ${JSON.stringify(token)}`,
          });
        }
      }
      if (input.secret !== secretOf(input.name)) {
        problems.push({
          kind: 'secretMissing',
          detail: `the secret is of type ${typeof input.secret}`,
        });
      }
      journal.append({ kind: 'begin', taskId, stepId, runId, problems });
      const { crashes = 0 } = input;
      if (crashes > 0 && journal.countBegins(taskId, stepId) <= crashes) {
        process.abort();
      }

      await sleep(input.ms);

      const lost: StepProblem[] = [];
      await fs
        .writeFile(path.join(workspacePath, stepId), runId)
        .catch(error =>
          lost.push({ kind: 'workspaceLost', detail: String(error) }),
        );
      output('token', tokenOf(input.name, stepId));
      journal.append({ kind: 'end', taskId, stepId, runId, problems: lost });
    },
  });
}
