import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const REPOSITORY = path.resolve(__dirname, '../..');

/**
 * Builds and packs the module, in a copy, since packing changes the package.json for a moment.
 *
 * @param directory - an existing folder that the copy is made in
 * @returns the tarball.
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
  const run = (...command: string[]) =>
    execFileSync(command[0], command.slice(1), { cwd: copy, encoding: 'utf8' });
  run('npm', 'run', 'build');
  const tarball = run('npm', 'pack', '--silent').trim().split('\n').at(-1)!;
  return path.join(copy, tarball);
}
