import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const REPOSITORY = path.resolve(__dirname, '../../..');

/** The name of this package. */
export const PACKAGE = 'backstage-plugin-scaffolder-backend-module-recovery';

/**
 * Builds and packs this package in a copy, since packing changes the package.json for a moment.
 *
 * @param directory - an existing folder, which takes the copy
 * @returns the tarball.
 * @throws Error with what the build wrote, if it fails.
 */
export function packModule(directory: string): string {
  const copy = path.join(directory, 'copy');
  fs.mkdirSync(copy);
  fs.symlinkSync(
    path.join(REPOSITORY, 'node_modules'),
    path.join(copy, 'node_modules'),
  );
  for (const name of [
    ...['src', 'dev', 'bin', 'migrations', 'package.json', 'tsconfig.json'],
    ...['config.d.ts', 'recovery.schema.json'],
    ...['README.md', 'LICENSE', 'CHANGELOG.md'],
  ]) {
    fs.cpSync(path.join(REPOSITORY, name), path.join(copy, name), {
      recursive: true,
      // Without what `npm start` left there, and without the page, which is a package of its own.
      filter: file => !/dev.(\.data|app)$/.test(file),
    });
  }
  const run = (...args: string[]) =>
    execFileSync('npm', args, { cwd: copy, encoding: 'utf8', stdio: 'pipe' });
  run('run', 'build');
  const name = run('pack', '--silent').trim().split('\n').at(-1)!;
  return path.join(copy, name);
}
