import { execFile as execFileCallback } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const execFile = promisify(execFileCallback);

/**
 * Commits files and pushes them to a bare repository, if they are not there yet.
 *
 * @param clone - an empty folder to work in
 * @returns the commit
 */
export async function publish(options: {
  from: string;
  to: string;
  clone: string;
}): Promise<string> {
  const { from, to, clone } = options;
  const git = async (...args: string[]) =>
    (await execFile('git', ['-C', clone, ...args])).stdout.trim();
  await git('init', '-b', 'main');
  await git('remote', 'add', 'origin', to);
  if (await git('ls-remote', '--heads', 'origin', 'main')) {
    await git('pull', 'origin', 'main');
  }
  await fs.cp(from, clone, { recursive: true });
  await git('add', '--all');
  if (await git('status', '--porcelain')) {
    await git(
      ...['-c', 'user.name=Backstage', '-c', 'user.email=b@example.com'],
      ...['commit', '-m', 'Scaffolded'],
    );
    await git('push', 'origin', 'main');
  }
  return git('rev-parse', 'HEAD');
}

/** Makes a bare repository, or leaves the one that is there. */
export async function createRepository(directory: string): Promise<void> {
  await fs.mkdir(path.dirname(directory), { recursive: true });
  await execFile('git', ['init', '--bare', '-b', 'main', directory]);
}

/** What git says of a bare repository, or nothing if nothing was published there. */
export async function askPublished(
  repository: string,
  ...args: string[]
): Promise<string | undefined> {
  const run = async (...command: string[]) =>
    (await execFile('git', ['--git-dir', repository, ...command])).stdout;
  const isPublished = await run('for-each-ref', 'refs/heads/main');
  return isPublished ? (await run(...args)).trimEnd() : undefined;
}

/** All files of a folder, in a fixed order. */
export async function listFiles(directory: string): Promise<string[]> {
  const entries = await fs.readdir(directory, {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter(e => e.isFile())
    .map(e => path.join(e.parentPath, e.name))
    .sort();
}
