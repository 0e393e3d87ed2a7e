import fs from 'node:fs/promises';
import path from 'node:path';
import { readInstalledVersion } from './installRelease';
import { run } from './run';

const PACKAGE = 'better-sqlite3';

/**
 * Finds the native part of better-sqlite3 for a Node.js: that of this repository if it fits, since a build takes two minutes, or one
 * that is built here.
 *
 * @param options.directory - an existing folder to build in
 * @returns the folder with it, to copy to each installation of the same version.
 */
export async function findSqlite(options: {
  directory: string;
  node: string;
}): Promise<string> {
  const { node } = options;
  const installed = path.dirname(require.resolve(`${PACKAGE}/package.json`));
  const abi = await run([node, '-p', 'process.versions.modules'], options);
  if (abi.trim() === process.versions.modules) {
    return path.join(installed, 'build');
  }
  await fs.writeFile(path.join(options.directory, 'package.json'), '{}');
  await run(
    [...['npm', 'install'], `${PACKAGE}@${readInstalledVersion(PACKAGE)}`],
    options,
  );
  return path.join(options.directory, 'node_modules', PACKAGE, 'build');
}

/** Gives an installation the native part of its better-sqlite3. */
export async function provideSqlite(
  installation: string,
  build: string,
): Promise<void> {
  await fs.cp(
    build,
    path.join(installation, 'node_modules', PACKAGE, 'build'),
    { recursive: true },
  );
}
