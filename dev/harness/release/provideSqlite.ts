import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Installation } from '../backend/BackendProcess';
import { envOf } from '../command/nodeVersions';
import { run } from '../command/run';

const PACKAGE = 'better-sqlite3';

/**
 * The version of better-sqlite3 for a Node.js: that of this repository, which is the one that Backstage asks for, on Node.js 20. From
 * Node.js 24.19 on that one ends the process (`Assertion failed: (env) != nullptr`) as soon as a statement is garbage. 13 needs Node.js 22,
 * and has its native part in the package.
 */
export function sqliteVersionFor(nodeVersion: string): string {
  return Number(nodeVersion.split('.')[0]) < 22
    ? require(`${PACKAGE}/package.json`).version
    : '13.2.0';
}

/**
 * Gives an installation whose install scripts were not run the native part of its better-sqlite3, if it needs one: that of this repository
 * where it fits, since a build takes minutes.
 */
export async function provideSqlite({
  directory,
  node,
}: Installation): Promise<void> {
  const installed = path.join(directory, 'node_modules', PACKAGE);
  if (existsSync(path.join(installed, 'prebuilds'))) {
    return;
  }
  const here = { cwd: directory, env: envOf(node) };
  const abi = await run(node, ['-p', 'process.versions.modules'], here);
  if (abi.trim() === process.versions.modules) {
    const own = path.dirname(require.resolve(`${PACKAGE}/package.json`));
    await fs.cp(path.join(own, 'build'), path.join(installed, 'build'), {
      recursive: true,
    });
  } else {
    await run('npm', ['rebuild', PACKAGE], here);
  }
}
