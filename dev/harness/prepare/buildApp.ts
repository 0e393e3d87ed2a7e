import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const REPOSITORY = path.resolve(__dirname, '../../..');
const APP = path.join(REPOSITORY, 'dev/app');
const CONFIG = path.join(__dirname, '../backend/app-config.yaml');

/**
 * Builds `dev/app`, unless there is a build that is newer than all that it is made of.
 *
 * @returns what to configure as `app.packageName`, for the backend to serve it.
 */
export function buildApp(): string {
  const sources = [
    path.join(REPOSITORY, 'package-lock.json'),
    CONFIG,
    path.join(APP, 'package.json'),
    ...fs.readdirSync(path.join(APP, 'src')).map(f => path.join(APP, 'src', f)),
  ];
  // It is among the last files that a build writes, and a build removes it first.
  const builtAt = changedAt(path.join(APP, 'dist/index.html'));
  if (!(builtAt > Math.max(...sources.map(changedAt)))) {
    console.log('Building the page, once. This takes a moment');
    const cli = path.join(REPOSITORY, 'node_modules/.bin/backstage-cli');
    execFileSync(cli, ['package', 'build', '--config', CONFIG], {
      cwd: APP,
      // Without the sizes of its thousand files.
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
  }
  return APP;
}

function changedAt(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
