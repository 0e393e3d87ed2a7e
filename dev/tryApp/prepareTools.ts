import fs from 'node:fs/promises';
import path from 'node:path';
import { envOf, nodeBinary } from '../harness/command/nodeVersions';
import { run } from '../harness/command/run';

/**
 * Of those that create-app accepts (SUPPORTED_NODE_VERSIONS in dist/createApp.cjs.js of 0.9.2: 22 and 24), the one that its SQLite
 * works with: better-sqlite3 12, which Backstage needs, aborts on Node 24.19 and later (`RemoveEnvironmentCleanupHook`).
 */
const NODE_MAJOR = 22;

/** create-app asks for a yarn, and brings the one that its app then uses. */
const PACKAGES = ['@backstage/create-app@latest', '@yarnpkg/cli-dist'];

/**
 * Installs what makes an app and works on it: create-app, yarn, and a Node that they accept.
 *
 * @param directory - an existing folder that takes all that
 * @returns the environment in which `backstage-create-app`, `yarn` and `node` are these, and the versions for people to read.
 */
export async function prepareTools(
  directory: string,
  signal: AbortSignal,
): Promise<{ env: NodeJS.ProcessEnv; versions: string }> {
  const here = { cwd: directory, signal };
  await fs.writeFile(path.join(directory, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES], here);
  const node = await findNode(directory);
  const temporary = path.join(directory, 'tmp');
  await fs.mkdir(temporary);
  const registry = await run('npm', ['config', 'get', 'registry'], here);
  const withNode = envOf(node);
  const bin = path.join(directory, 'node_modules/.bin');
  const env: NodeJS.ProcessEnv = {
    ...withNode,
    PATH: `${bin}${path.delimiter}${withNode.PATH}`,
    // create-app and yarn leave files there.
    TMPDIR: temporary,
    // yarn does not read npm's configuration.
    YARN_NPM_REGISTRY_SERVER: registry.trim(),
    YARN_ENABLE_TELEMETRY: 'false',
    // Where `CI` is set, yarn refuses to write a lockfile.
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
  };
  const there = { cwd: directory, env, signal };
  const [nodeVersion, release] = await Promise.all([
    run('node', ['--version'], there),
    run('backstage-create-app', ['--version'], there),
  ]);
  return {
    env,
    versions: `create-app of Backstage ${release.trim()}, Node ${nodeVersion.trim()}`,
  };
}

/** The Node that runs this, if it is the right one. */
async function findNode(directory: string): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) === NODE_MAJOR) {
    return process.execPath;
  }
  const own = path.join(directory, 'node');
  await fs.mkdir(own);
  return nodeBinary(`${NODE_MAJOR}`, own);
}
