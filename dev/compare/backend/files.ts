import fs from 'node:fs/promises';
import path from 'node:path';
import { askPublished, listFiles } from '../../harness/actions/repositories';

/** Paths in a workspace or a repository, in their order, with what is in the files. */
export type Files = Record<string, string>;

/** What the `fetch` step brings. */
const SKELETON: Files = {
  'README.md': '# @name@\n',
  'docs/index.md': 'How to run @name@\n',
  'src/index.js': `console.log('@name@');\n`,
};

const NOTICE = 'See LICENSE.\n';

/** What is in the files once `transform` has put a name into them. */
export function transformedFiles(name: string): Files {
  return mapSkeleton(text => text.replaceAll('@name@', name));
}

/** What is in the files once `notice` has appended its line to each of them. */
export function noticedFiles(): Files {
  return mapSkeleton(text => text + NOTICE);
}

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

/** Puts a name into all files of a folder, and pauses in the middle. It does no harm to files that have the name already. */
export async function transform(
  directory: string,
  name: string,
  pause: () => Promise<void>,
): Promise<void> {
  await changeFiles(directory, pause, async file => {
    const text = await fs.readFile(file, 'utf8');
    await fs.writeFile(file, text.replaceAll('@name@', name));
  });
}

/** Appends a line to all files of a folder, and pauses in the middle. A file that has the line already gets another one. */
export async function appendNotice(
  directory: string,
  pause: () => Promise<void>,
): Promise<void> {
  await changeFiles(directory, pause, file => fs.appendFile(file, NOTICE));
}

/** Whether a repository has these files and nothing else. */
export async function isPublished(
  repository: string,
  wanted: Files,
): Promise<boolean> {
  const ask = (...args: string[]) =>
    // There may be no repository.
    askPublished(repository, ...args).catch(() => undefined);
  const files = await ask('ls-tree', '-r', '--name-only', 'main');
  if (files !== Object.keys(wanted).join('\n')) {
    return false;
  }
  for (const [file, text] of Object.entries(wanted)) {
    if ((await ask('show', `main:${file}`)) !== text.trimEnd()) {
      return false;
    }
  }
  return true;
}

function mapSkeleton(change: (text: string) => string): Files {
  return Object.fromEntries(
    Object.entries(SKELETON).map(([file, text]) => [file, change(text)]),
  );
}

async function writeFile(directory: string, file: string): Promise<void> {
  const target = path.join(directory, file);
  await fs.mkdir(path.dirname(target), { recursive: true });
  await fs.writeFile(target, SKELETON[file]);
}

async function changeFiles(
  directory: string,
  pause: () => Promise<void>,
  change: (file: string) => Promise<void>,
): Promise<void> {
  const [first, ...others] = await listFiles(directory);
  if (!first) {
    throw new Error('Nothing to change: the workspace is empty');
  }
  await change(first);
  await pause();
  for (const file of others) {
    await change(file);
  }
}
