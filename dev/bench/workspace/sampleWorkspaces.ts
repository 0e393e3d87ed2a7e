import fs from 'node:fs';
import path from 'node:path';

/** A workspace of a certain size. */
export type Sample = {
  name: string;
  files: number;
  bytes: number;
  /** The share of the files that a repository's `.git` folder has: small, and as good as random. */
  gitShare: number;
  /** Whether it takes minutes to measure. */
  isLarge: boolean;
};

export const SAMPLES: Sample[] = [
  { name: '40 files', files: 40, bytes: 200e3, gitShare: 0, isLarge: false },
  { name: '700 files', files: 700, bytes: 8e6, gitShare: 0.4, isLarge: false },
  { name: '6,000', files: 6_000, bytes: 120e6, gitShare: 0.1, isLarge: true },
  { name: '30,000', files: 30_000, bytes: 500e6, gitShare: 0.1, isLarge: true },
];

const FILES_PER_FOLDER = 20;
const WORDS = (
  'const let function return import export from async await if else for of new class extends implements type interface public ' +
  'private readonly string number boolean undefined null true false this throw catch try finally switch case default break'
).split(' ');

/** Always the same sequence of numbers from 0 to 1. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    // The generator of Park and Miller.
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Writes the files of a sample. Their sizes differ, some of them by a lot. */
export function writeSample(folder: string, sample: Sample): void {
  const random = createRandom(7);
  const text = createText(random);
  const average = sample.bytes / sample.files;
  for (let i = 0; i < sample.files; i++) {
    const isGit = i < sample.files * sample.gitShare;
    const parent = path.join(
      folder,
      isGit ? '.git/objects' : 'packages',
      `${Math.floor(i / FILES_PER_FOLDER)}`,
    );
    fs.mkdirSync(parent, { recursive: true });
    // From a tenth of the average to three times of it, seldom more.
    const size = Math.ceil(average * (0.1 + 2.9 * random() ** 2.2));
    const content = isGit ? noise(random, size) : text(size);
    fs.writeFileSync(path.join(parent, `${i}.ts`), content);
  }
}

/** What a step does to a workspace. Each changes its files for good, and can be done again. */
export const EDITS: Record<string, (folder: string, round: number) => void> = {
  '1 % changed': (folder, round) => {
    // Git never changes a file that it keeps content in.
    const all = listFiles(folder);
    const files = all.filter(file => !file.includes('/.git/'));
    const count = Math.max(1, Math.round(all.length / 100));
    for (let i = 0; i < count; i++) {
      const file = files[(i * 97 + round * 13) % files.length];
      fs.appendFileSync(file, `// changed in round ${round}\n`);
    }
  },
  'folder renamed': (folder, round) => {
    const from = round % 2 === 0 ? 'packages' : 'renamed';
    const to = round % 2 === 0 ? 'renamed' : 'packages';
    fs.renameSync(path.join(folder, from), path.join(folder, to));
  },
  'files deleted': (folder, round) => {
    const files = listFiles(folder);
    const count = Math.max(1, Math.round(files.length / 200));
    for (let i = 0; i < count; i++) {
      fs.rmSync(files[(i * 89 + round * 7) % files.length], { force: true });
    }
  },
};

function listFiles(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort();
}

/** Text about as compressible as source code: to a quarter. */
function createText(random: () => number): (bytes: number) => string {
  const words = Array.from({ length: 200_000 }, () =>
    random() < 0.15
      ? Math.floor(random() * 1e6).toString(36)
      : WORDS[Math.floor(random() * WORDS.length)],
  );
  const pool = words.join(' ');
  return bytes => {
    const parts: string[] = [];
    for (let left = bytes; left > 0;) {
      const length = Math.min(left, 1_000 + Math.floor(random() * 3_000));
      const at = Math.floor(random() * (pool.length - length));
      parts.push(pool.slice(at, at + length));
      left -= length;
    }
    return parts.join('');
  };
}

function noise(random: () => number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let i = 0; i < bytes; i++) {
    buffer[i] = random() * 256;
  }
  return buffer;
}
