/*
 * This package as its users have it: packed, in an app that the newest `@backstage/create-app` makes in a temp folder. Prints a
 * line for each check. Exits with 1 if one does not hold. Takes ten to twenty minutes, most of which yarn needs to install the app.
 */
import fs from 'node:fs/promises';
import path from 'node:path';
import { BackendProcess } from './harness/backend/BackendProcess';
import { say } from './harness/command/clock';
import { PACKAGE, packModule } from './harness/prepare/packModule';
import { PostgresProcess } from './harness/postgres/PostgresProcess';
import {
  CommandContext,
  runCommand,
  unlessAsked,
} from './harness/command/runCommand';
import { checkConfiguration } from './tryApp/checkConfiguration';
import { checkRecovery } from './tryApp/checkRecovery';
import { Checks } from './tryApp/Checks';
import { NewApp } from './tryApp/NewApp';
import { prepareTools } from './tryApp/prepareTools';
import { backendWithDiscovery, backendWithLines } from './tryApp/variants';

/** What is to be done at the end, the newest first. */
type CleanUp = (() => Promise<void>)[];

async function tryApp(
  cleanUp: CleanUp,
  { directory, asked }: CommandContext,
): Promise<boolean> {
  const checks = new Checks();
  const tools = path.join(directory, 'tools');
  await fs.mkdir(tools);

  say('Packing this package');
  const tarball = packModule(directory);
  say('Making an app');
  const { env, versions } = await prepareTools(tools, asked);
  const app = await NewApp.create(directory, env, asked);
  say(`Made with ${versions}. Installing it`);
  await app.install(tarball);
  const version = await app.versionOf('@backstage/plugin-scaffolder-backend');
  checks.expect(
    `the app is installed, with this package and the scaffolder ${version}`,
    true,
  );

  await checkConfiguration(app, checks);

  const use = (backend: BackendProcess) => {
    cleanUp.unshift(() => backend.kill());
    return backend;
  };
  say('With feature discovery (backend.packages: all), on PostgreSQL');
  const server = await PostgresProcess.start();
  cleanUp.unshift(() => server.stop());
  const discovered = use(await backendWithDiscovery(app, server));
  await checkRecovery(discovered, checks);
  checks.expect(
    'the backend has discovered this package',
    (await discovered.log()).includes(`Detected: ${PACKAGE}`),
  );
  await discovered.kill();

  say('With the lines of the README in index.ts, on SQLite');
  await checkRecovery(use(await backendWithLines(app)), checks);
  return checks.allHeld;
}

void runCommand({
  name: 'try-app',
  usage: 'npm run try-app',
  options: {},
  async run(_, context) {
    const cleanUp: CleanUp = [];
    try {
      const allHeld = await unlessAsked(
        tryApp(cleanUp, context),
        context.asked,
      );
      console.log(allHeld ? '\nAll checks hold.' : '\nNot all checks hold.');
      return allHeld;
    } finally {
      for (const end of cleanUp) {
        await end();
      }
    }
  },
});
