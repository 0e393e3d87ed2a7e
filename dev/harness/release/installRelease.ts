import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';
import { envOf } from '../command/nodeVersions';
import { PACKAGE } from '../prepare/packModule';
import { run } from '../command/run';
import { Release } from './releases';
import { sqliteVersionFor } from './provideSqlite';

/** What each backend has beside the scaffolder and the module, in whatever version the release goes with. */
const PACKAGES = [
  '@backstage/backend-defaults',
  '@backstage/backend-plugin-api',
  '@backstage/plugin-auth-backend',
  '@backstage/plugin-auth-backend-module-guest-provider',
  '@backstage/plugin-catalog-backend',
  '@backstage/plugin-catalog-backend-module-scaffolder-entity-model',
  '@backstage/plugin-scaffolder-node',
];

/** Those of the repository, in the version that is installed in it: they are no part of Backstage. */
const OWN_VERSION = ['pg', 'typescript', '@types/node'];

export type InstallOptions = {
  /** An existing, empty folder. */
  directory: string;
  /** The packed module. */
  tarball: string;
  /** What the backend has beside the packages that each has. */
  packages: string[];
  /** The Node.js to install and run with. */
  node: string;
  /** Its version. */
  nodeVersion: string;
};

/**
 * Installs a release of the scaffolder and the packed module, as a backend would have them.
 *
 * No install script is run: better-sqlite3 12 would be built, which takes longer than all the rest. See `provideSqlite`.
 */
export async function installRelease(
  release: Release,
  options: InstallOptions,
): Promise<void> {
  const { directory, tarball, packages, node, nodeVersion } = options;
  const manifest: JsonObject = {
    name: 'backend',
    private: true,
    dependencies: {
      ...Object.fromEntries(
        [...PACKAGES, ...packages].map(name => [name, '*']),
      ),
      ...Object.fromEntries(
        OWN_VERSION.map(name => [name, readInstalledVersion(name)]),
      ),
      'better-sqlite3': sqliteVersionFor(nodeVersion),
      '@backstage/plugin-scaffolder-backend': release.version,
      [PACKAGE]: `file:${tarball}`,
    },
    // Also for those that ask for another one.
    overrides: { 'better-sqlite3': '$better-sqlite3' },
  };
  await fs.writeFile(
    path.join(directory, 'package.json'),
    JSON.stringify(manifest, undefined, 2),
  );
  await run(
    'npm',
    [
      ...['install', '--ignore-scripts', '--prefer-offline'],
      ...(release.before ? [`--before=${release.before}`] : []),
    ],
    { cwd: directory, env: envOf(node) },
  );
}

/** The version of a package in this repository. */
function readInstalledVersion(name: string): string {
  return require(`${name}/package.json`).version;
}
