import { JsonObject } from '@backstage/types';
import path from 'node:path';
import { findFreePort } from '../harness/findFreePort';
import { PostgresServer } from '../harness/PostgresServer';
import { AppBackend } from './AppBackend';
import { NewApp } from './NewApp';

/** Where the rest of a backend's configuration is: in files of the app, and in the environment that they refer to. */
type Given = {
  config: JsonObject;
  files: string[];
  env: Record<string, string>;
};

/**
 * The backend that finds its features by itself, on PostgreSQL, with create-app's configuration for production.
 *
 * It signs guests in, which needs development mode, so it is started as for development.
 */
export async function backendWithDiscovery(
  app: NewApp,
  server: PostgresServer,
): Promise<AppBackend> {
  await app.useDiscovery();
  const { host, port, user, password } = server.connection;
  return createBackend(app, 'discovery', {
    config: { packages: 'all' },
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
export async function backendWithLines(app: NewApp): Promise<AppBackend> {
  await app.useLines();
  // In memory, which is create-app's default, nothing outlives a backend that is killed.
  const directory = path.join(app.directory, 'database');
  return createBackend(app, 'lines', {
    config: { database: { connection: { directory } } },
    files: ['app-config.yaml'],
    env: {},
  });
}

async function createBackend(
  app: NewApp,
  name: string,
  given: Given,
): Promise<AppBackend> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const local = await app.writeConfig(`app-config.${name}.yaml`, {
    backend: {
      ...given.config,
      baseUrl: url,
      listen: { host: '127.0.0.1', port },
    },
    catalog: {
      locations: [
        location(app, 'examples/org.yaml', ['User', 'Group']),
        location(app, 'examples/recovery/*.yaml', ['Template']),
      ],
    },
  });
  return new AppBackend(app, {
    url,
    configs: [
      ...given.files.map(file => path.join(app.directory, file)),
      local,
    ],
    logFile: path.join(app.directory, `${name}.log`),
    env: given.env,
  });
}

function location(app: NewApp, target: string, kinds: string[]): JsonObject {
  return {
    type: 'file',
    target: path.join(app.directory, target),
    rules: [{ allow: kinds }],
  };
}
