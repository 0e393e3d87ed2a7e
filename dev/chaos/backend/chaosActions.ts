import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionsModule } from '../../harness/actions/actionsModule';
import { Journal, StepProblem } from '../../harness/actions/journal';
import { ClaimedWorkspaces } from './ClaimedWorkspaces';
import { Edit, FileSteps } from '../tasks/fileEdits';
import { CHAOS_ACTION, FILES_ACTION } from '../settings';
import { secretOf, tokenOf } from '../tasks/templates';
import { carryOut, differenceOf, readFiles } from './workspaceFiles';

/** The actions of all chaos templates. */
export const chaosActions = actionsModule('chaos-actions', config => {
  const journal = new Journal(config.getString('dev.journals'));
  const workspaces = new ClaimedWorkspaces();
  return [
    createStepAction(journal, workspaces),
    createFilesAction(journal, workspaces),
  ];
});

/**
 * A step that takes its time and notes when it began and ended. It leaves a file and an output, and looks for those that it
 * was promised. What it misses is noted, and the step goes on: whether a task fails is up to the scaffolder.
 */
function createStepAction(journal: Journal, workspaces: ClaimedWorkspaces) {
  return createTemplateAction({
    id: CHAOS_ACTION,
    description: 'Sleeps, and notes what it finds',
    schema: {
      input: {
        ms: z => z.number(),
        name: z => z.string(),
        needs: z => z.array(z.string()).describe('Steps whose files it needs'),
        beginsEmpty: z =>
          z.boolean().describe('Whether each run begins in an empty workspace'),
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
        input,
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
      problems.push(...missingInputs(input));
      const noted = { taskId, stepId, runId, problems };
      await journal.during(noted, async countBegins => {
        const { crashes = 0 } = input;
        if (crashes > 0 && countBegins() <= crashes) {
          process.abort();
        }
        await sleep(input.ms);
        output('token', tokenOf(input.name, stepId));
        return fs
          .writeFile(path.join(workspacePath, stepId), runId)
          .then(() => [], lostWorkspace);
      });
    },
  });
}

/**
 * A step that does much to its workspace, half of it before a checkpoint, and notes each byte in it that is not as the steps before it left
 * it, whichever runs they ran in.
 */
function createFilesAction(journal: Journal, workspaces: ClaimedWorkspaces) {
  return createTemplateAction({
    id: FILES_ACTION,
    description: 'Changes files, and notes what it finds',
    schema: {
      input: {
        ms: z => z.number(),
        name: z => z.string(),
        place: z => z.number().describe('Of the step, counted from 0'),
        size: z => z.enum(['small', 'large']),
        outputs: z => z.record(z.any()).describe('Of all steps before it'),
        secret: z => z.any(),
      },
      output: { token: z => z.string() },
    },
    async handler(context) {
      const { input, workspacePath } = context;
      const { place, ms } = input;
      const taskId = context.task.id!;
      const stepId = context.step!.id!;
      const { runId } = workspaces.runOf(context.signal!);
      const fileSteps = new FileSteps(input.name, input.size);
      const edits = fileSteps.editsOf(place);
      const half = Math.ceil(edits.length / 2);

      const wrong = differenceOf(
        await readFiles(workspacePath),
        fileSteps.filesBefore(place),
      );
      const problems: StepProblem[] = missingInputs(input);
      if (wrong) {
        problems.push({ kind: 'filesWrong', detail: wrong });
      }
      const change = async (some: Edit[]) => {
        for (const edit of some) {
          await carryOut(workspacePath, edit);
        }
        await sleep(ms / 2);
      };
      const work = async (): Promise<StepProblem[]> => {
        await change(edits.slice(0, half));
        // One that cannot be stored throws. The step goes on, or the journal would not tell when it ended.
        await context
          .checkpoint({ key: 'half', fn: async () => 'done' })
          .catch(() => {});
        await change(edits.slice(half));
        const changed = differenceOf(
          await readFiles(workspacePath),
          fileSteps.filesBefore(place + 1),
        );
        // If it began with other files, it ends with others.
        return changed && !wrong ? lostWorkspace(changed) : [];
      };
      const noted = { taskId, stepId, runId, problems };
      await journal.during(noted, () => work().catch(lostWorkspace));
      context.output('token', tokenOf(input.name, stepId));
    },
  });
}

function lostWorkspace(how: unknown): StepProblem[] {
  return [{ kind: 'workspaceLost', detail: String(how) }];
}

/** The outputs of earlier steps and the secret that a step does not have. */
function missingInputs(input: {
  name: string;
  outputs: Record<string, unknown>;
  secret: unknown;
}): StepProblem[] {
  const problems: StepProblem[] = [];
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
  return problems;
}
