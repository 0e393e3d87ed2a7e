/*
 * This package as its users have it: packed, in an app that the newest `@backstage/create-app` makes in a temp folder. Prints a
 * line for each check. Exits with 1 if one does not hold. Takes ten to twenty minutes, most of which yarn needs to install the app.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { packModule } from './harness/packModule';
import { PostgresServer } from './harness/PostgresServer';
import { AppBackend } from './tryApp/AppBackend';
import { checkConfiguration } from './tryApp/checkConfiguration';
import { checkRecovery } from './tryApp/checkRecovery';
import { Checks } from './tryApp/Checks';
import { NewApp, PACKAGE } from './tryApp/NewApp';
import { prepareTools } from './tryApp/prepareTools';
import { backendWithDiscovery, backendWithLines } from './tryApp/variants';

/** What is to be done at the end, the newest first. */
type CleanUp = (() => Promise<void>)[];

async function tryApp(cleanUp: CleanUp, signal: AbortSignal): Promise<boolean> {
  const checks = new Checks();
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-app-'));
  cleanUp.unshift(() => fs.rm(directory, { recursive: true, force: true }));
  const tools = path.join(directory, 'tools');
  await fs.mkdir(tools);

  checks.say('Packing this package');
  const tarball = packModule(directory);
  checks.say('Making an app');
  const { env, versions } = await prepareTools(tools, signal);
  const app = await NewApp.create(directory, env, signal);
  checks.say(`Made with ${versions}. Installing it`);
  await app.install(tarball);
  const version = await app.versionOf('@backstage/plugin-scaffolder-backend');
  checks.expect(
    `the app is installed, with this package and the scaffolder ${version}`,
    true,
  );

  await checkConfiguration(app, checks);

  await app.addTemplates();
  const use = (backend: AppBackend) => {
    cleanUp.unshift(() => backend.kill());
    return backend;
  };
  checks.say('With feature discovery (backend.packages: all), on PostgreSQL');
  const server = await PostgresServer.start();
  cleanUp.unshift(() => server.stop());
  const discovered = use(await backendWithDiscovery(app, server));
  await checkRecovery(discovered, checks);
  checks.expect(
    'the backend has discovered this package',
    (await discovered.log()).includes(`Detected: ${PACKAGE}`),
  );
  await discovered.kill();

  checks.say('With the lines of the README in index.ts, on SQLite');
  await checkRecovery(use(await backendWithLines(app)), checks);
  return checks.allHeld;
}

/** Rejects when this process is asked to end, so that it ends what it started first. */
function asked(controller: AbortController): Promise<never> {
  return new Promise((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        controller.abort();
        reject(new Error(`Ended by ${name}`));
      });
    }
  });
}

async function main(): Promise<number> {
  const cleanUp: CleanUp = [];
  const controller = new AbortController();
  try {
    const allHeld = await Promise.race([
      tryApp(cleanUp, controller.signal),
      asked(controller),
    ]);
    console.log(allHeld ? '\nAll checks hold.' : '\nNot all checks hold.');
    return allHeld ? 0 : 1;
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    for (const end of cleanUp) {
      await end();
    }
  }
}

void main().then(code => process.exit(code));
