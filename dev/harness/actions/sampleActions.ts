import { resolveSafeChildPath } from '@backstage/backend-plugin-api';
import { createTemplateAction } from '@backstage/plugin-scaffolder-node';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionsModule } from './actionsModule';
import { createRepository, listFiles, publish } from './repositories';

/** The actions of the sample templates: real work on the workspace, and on git repositories on disk. */
export const sampleActions = actionsModule('sample-actions', config => [
  createRepositoryAction(path.resolve(config.getString('dev.gitDirectory'))),
  createTransformAction(),
  createPublishAction(),
]);

function createRepositoryAction(gitDirectory: string) {
  return createTemplateAction({
    id: 'acme:repository:create',
    description: 'Makes a bare git repository on disk',
    schema: {
      input: { name: z => z.string().regex(/^[\w-]+$/) },
      output: { remote: z => z.string() },
    },
    async handler({ input, output }) {
      const remote = resolveSafeChildPath(gitDirectory, `${input.name}.git`);
      await createRepository(remote);
      output('remote', remote);
    },
  });
}

function createTransformAction() {
  return createTemplateAction({
    id: 'acme:transform',
    description: 'Puts a name into all files of the workspace, slowly',
    schema: {
      input: {
        name: z => z.string(),
        seconds: z => z.number().describe('How long it takes'),
      },
    },
    async handler({ input, workspacePath, logger, signal }) {
      const files = await listFiles(workspacePath);
      if (files.length === 0) {
        throw new Error('Nothing to transform: the workspace is empty');
      }
      for (const file of files) {
        logger.info(`Transforming ${path.relative(workspacePath, file)}`);
        const text = await fs.readFile(file, 'utf8');
        await fs.writeFile(file, text.replaceAll('@name@', input.name));
        await sleep((input.seconds * 1000) / files.length, undefined, {
          signal,
        });
      }
    },
  });
}

function createPublishAction() {
  return createTemplateAction({
    id: 'acme:repository:publish',
    description: 'Commits the workspace and pushes it, if it is not there yet',
    schema: {
      input: { remote: z => z.string() },
      output: { commit: z => z.string() },
    },
    async handler({ input, output, workspacePath, createTemporaryDirectory }) {
      const commit = await publish({
        from: workspacePath,
        to: input.remote,
        clone: await createTemporaryDirectory(),
      });
      output('commit', commit);
    },
  });
}
