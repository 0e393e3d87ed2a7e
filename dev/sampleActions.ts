import {
  coreServices,
  createBackendModule,
  resolveSafeChildPath,
} from '@backstage/backend-plugin-api';
import {
  createTemplateAction,
  scaffolderActionsExtensionPoint,
} from '@backstage/plugin-scaffolder-node';
import { execFile as execFileCallback } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execFile = promisify(execFileCallback);

/** The actions of the sample templates: real work on the workspace, and on git repositories on disk. */
export const sampleActions = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'sample-actions',
  register({ registerInit }) {
    registerInit({
      deps: {
        actions: scaffolderActionsExtensionPoint,
        config: coreServices.rootConfig,
      },
      async init({ actions, config }) {
        const gitDirectory = path.resolve(config.getString('dev.gitDirectory'));
        actions.addActions(
          createRepositoryAction(gitDirectory),
          createTransformAction(),
          createPublishAction(),
        );
      },
    });
  },
});

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
      await fs.mkdir(gitDirectory, { recursive: true });
      await execFile('git', ['init', '--bare', '-b', 'main', remote]);
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
      const clone = await createTemporaryDirectory();
      const git = async (...args: string[]) =>
        (await execFile('git', ['-C', clone, ...args])).stdout.trim();
      await git('init', '-b', 'main');
      await git('remote', 'add', 'origin', input.remote);
      if (await git('ls-remote', '--heads', 'origin', 'main')) {
        await git('pull', 'origin', 'main');
      }
      await fs.cp(workspacePath, clone, { recursive: true });
      await git('add', '--all');
      if (await git('status', '--porcelain')) {
        await git(
          ...['-c', 'user.name=Backstage', '-c', 'user.email=b@example.com'],
          ...['commit', '-m', 'Scaffolded'],
        );
        await git('push', 'origin', 'main');
      }
      output('commit', await git('rev-parse', 'HEAD'));
    },
  });
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await fs.readdir(directory, {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter(e => e.isFile())
    .map(e => path.join(e.parentPath, e.name))
    .sort();
}
