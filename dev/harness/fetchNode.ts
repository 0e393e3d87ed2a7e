import { execFileSync } from 'node:child_process';
import path from 'node:path';

/**
 * Gets a Node.js from the npm registry, where it is a package, for a machine that has another one. Its headers are in it, so that native
 * modules can be built for it.
 *
 * @param range - such as `24` or `22.11.0`
 * @param directory - an existing folder to install it in
 * @returns its binary.
 */
export function fetchNode(range: string, directory: string): string {
  const name = `node-${process.platform}-${process.arch}`;
  execFileSync(
    'npm',
    [
      ...['install', '--no-save', '--no-package-lock', '--ignore-scripts'],
      ...['--prefix', directory, `${name}@${range}`],
    ],
    { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return path.join(directory, 'node_modules', name, 'bin/node');
}
