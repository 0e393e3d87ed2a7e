import { JsonObject } from '@backstage/types';
import path from 'node:path';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { findFreePort } from '../harness/network/findFreePort';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { NewApp } from './NewApp';
import { TEMPLATES } from './templates';

/** A backend that runs for development does not end by itself when its start has failed. */
const FAILURE = /Backend startup failed|Unhandled rejection/;

/** What differs between the backends. */
type Variant = {
  name: string;
  /** What to configure below `backend`, beside the URL. */
  config: JsonObject;
  /** The app's own configuration files. */
  files: string[];
  /** What they refer to. */
  env: Record<string, string>;
};

const HOST = '127.0.0.1';

/**
 * The backend that finds its features by itself, on PostgreSQL, with create-app's configuration for production.
 *
 * It signs guests in, which needs development mode, so it is started as for development.
 */
export async function backendWithDiscovery(
  app: NewApp,
  server: PostgresProcess,
): Promise<BackendProcess> {
  await app.useDiscovery();
  const { host, port, user, password } = server.connection;
  const listenPort = await findFreePort();
  return createBackend(app, listenPort, {
    name: 'discovery',
    // Not an object, as in the file for development: the one for production has a text.
    config: { packages: 'all', listen: `${HOST}:${listenPort}` },
    files: ['app-config.yaml', 'app-config.production.yaml'],
    env: {
      POSTGRES_HOST: host,
      POSTGRES_PORT: `${port}`,
      POSTGRES_USER: user,
      POSTGRES_PASSWORD: password,
    },
  });
}

/** create-app's backend with the lines that the README asks for, on SQLite, as create-app has it but for the place. */
export async function backendWithLines(app: NewApp): Promise<BackendProcess> {
  await app.useLines();
  // In memory, which is create-app's default, nothing outlives a backend that is killed.
  const directory = path.join(app.directory, 'database');
  const port = await findFreePort();
  return createBackend(app, port, {
    name: 'lines',
    config: {
      database: { connection: { directory } },
      listen: { host: HOST, port },
    },
    files: ['app-config.yaml'],
    env: {},
  });
}

async function createBackend(
  app: NewApp,
  port: number,
  variant: Variant,
): Promise<BackendProcess> {
  const { name, config, files, env } = variant;
  const url = `http://${HOST}:${port}`;
  for (const template of TEMPLATES) {
    await app.writeConfig(`examples/${template.metadata.name}.yaml`, template);
  }
  const local = await app.writeConfig(`app-config.${name}.yaml`, {
    backend: { ...config, baseUrl: url },
    catalog: {
      locations: [
        location(app, 'examples/org.yaml', ['User', 'Group']),
        location(app, 'examples/try-*.yaml', ['Template']),
      ],
    },
  });
  const configs = [...files.map(file => path.join(app.directory, file)), local];
  return new BackendProcess(url, {
    program: 'yarn',
    args: [
      ...['workspace', 'backend', 'start'],
      ...configs.flatMap(file => ['--config', file]),
    ],
    cwd: app.directory,
    env: { ...app.env, NODE_ENV: 'development', ...env },
    logFile: path.join(app.directory, `${name}.log`),
    // yarn, backstage-cli and the backend itself.
    isGroup: true,
    failure: FAILURE,
  });
}

function location(app: NewApp, target: string, kinds: string[]): JsonObject {
  return {
    type: 'file',
    target: path.join(app.directory, target),
    rules: [{ allow: kinds }],
  };
}
