import fs from 'node:fs/promises';
import path from 'node:path';
import { askPublished, listFiles } from '../harness/repositories';

/** What the `fetch` step brings. The `transform` step puts the name in. */
const SKELETON: Record<string, string> = {
  'README.md': '# @name@\n',
  'docs/index.md': 'How to run @name@\n',
  'src/index.js': `console.log('@name@');\n`,
};

/** Writes the skeleton into a folder, and pauses in the middle. */
export async function fetchSkeleton(
  directory: string,
  pause: () => Promise<void>,
): Promise<void> {
  const [first, ...others] = Object.keys(SKELETON);
  await writeFile(directory, first);
  await pause();
  for (const file of others) {
    await writeFile(directory, file);
  }
}

/** Puts a name into all files of a folder, and pauses in the middle. */
export async function transform(
  directory: string,
  name: string,
  pause: () => Promise<void>,
): Promise<void> {
  const [first, ...others] = await listFiles(directory);
  if (!first) {
    throw new Error('Nothing to transform: the workspace is empty');
  }
  await putNameInto(first, name);
  await pause();
  for (const file of others) {
    await putNameInto(file, name);
  }
}

/** Whether a repository has all the files, with the name in them, and nothing else. */
export async function isPublished(
  repository: string,
  name: string,
): Promise<boolean> {
  const ask = (...args: string[]) =>
    // There may be no repository.
    askPublished(repository, ...args).catch(() => undefined);
  const files = await ask('ls-tree', '-r', '--name-only', 'main');
  if (files !== Object.keys(SKELETON).join('\n')) {
    return false;
  }
  for (const [file, text] of Object.entries(SKELETON)) {
    const published = await ask('show', `main:${file}`);
    if (published !== text.replace('@name@', name).trimEnd()) {
      return false;
    }
  }
  return true;
}

async function writeFile(directory: string, file: string): Promise<void> {
  const target = path.join(directory, file);
  await fs.mkdir(path.dirname(target), { recursive: true });
  await fs.writeFile(target, SKELETON[file]);
}

async function putNameInto(file: string, name: string): Promise<void> {
  const text = await fs.readFile(file, 'utf8');
  await fs.writeFile(file, text.replaceAll('@name@', name));
}
