import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { listFiles } from '../../harness/actions/repositories';

export const FILES = 6_000;
export const MEGABYTES = 120;
/** One in so many files changes: 1 %. */
const CHANGES_ONE_IN = 100;
export const CHANGED_FILES = FILES / CHANGES_ONE_IN;

/** The file of a repository that takes the digest of the others, which are too many to push. */
export const DIGEST_FILE = 'digest.txt';

const FILES_PER_FOLDER = 100;
const BYTES_PER_FILE = (MEGABYTES * 1_000_000) / FILES;

/** Writes the many files into a folder, and pauses in the middle. */
export async function fillLarge(
  directory: string,
  pause: () => Promise<void>,
): Promise<void> {
  for (let i = 0; i < FILES; i++) {
    if (i === FILES / 2) {
      await pause();
    }
    const file = path.join(directory, pathOf(i));
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(file, contentOf(i, 'new'));
  }
}

/** Replaces the content of some of the files, and pauses in the middle. */
export async function changeLarge(
  directory: string,
  pause: () => Promise<void>,
): Promise<void> {
  for (let i = 0; i < FILES; i += CHANGES_ONE_IN) {
    if (i === FILES / 2) {
      await pause();
    }
    await fs.writeFile(
      path.join(directory, pathOf(i)),
      contentOf(i, 'changed'),
    );
  }
}

/** A hash of all paths and contents of a folder. */
export async function digestOf(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await listFiles(directory)) {
    hash.update(path.relative(directory, file));
    hash.update(await fs.readFile(file));
  }
  return hash.digest('hex');
}

/** The digest of a folder that was filled and changed, known without one. */
export function digestOfRightFiles(): string {
  const hash = createHash('sha256');
  for (let i = 0; i < FILES; i++) {
    hash.update(pathOf(i));
    hash.update(contentOf(i, i % CHANGES_ONE_IN === 0 ? 'changed' : 'new'));
  }
  return hash.digest('hex');
}

/** Padded, so that the order of the names is that of the numbers. */
function pathOf(index: number): string {
  const folder = Math.floor(index / FILES_PER_FOLDER);
  return `${String(folder).padStart(4, '0')}/${String(index).padStart(6, '0')}.txt`;
}

/** Text that is always the same, and that no compression makes smaller than three quarters. */
function contentOf(index: number, revision: 'new' | 'changed'): string {
  return createHash('shake256', { outputLength: (BYTES_PER_FILE * 3) / 4 })
    .update(`${index} ${revision}`)
    .digest('base64');
}
