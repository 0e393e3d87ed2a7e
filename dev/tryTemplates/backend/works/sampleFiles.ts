import fs from 'node:fs/promises';
import path from 'node:path';

const FILES: Record<string, number> = {
  'README.md': 0o644,
  'catalog-info.yaml': 0o644,
  'docs/index.md': 0o644,
  'scripts/build.sh': 0o755,
  'src/main.txt': 0o644,
};

/** How a file is written. */
type Manner = {
  /** Whether it takes the place of one that is there. Otherwise that one stays. */
  doesReplace: boolean;
  mode?: number;
};

/** Writes a few files, of which one is executable. */
export async function writeSample(
  folder: string,
  text: string,
  doesReplace: boolean,
): Promise<void> {
  for (const [name, mode] of Object.entries(FILES)) {
    const file = path.join(folder, name);
    await writeFile(file, `${name}: ${text}`, { doesReplace, mode });
  }
}

/** Writes a file, and the folder that it is in. */
export async function writeFile(
  file: string,
  text: string,
  { doesReplace, mode }: Manner,
): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true });
  const flag = doesReplace ? 'w' : 'wx';
  await fs.writeFile(file, text, { flag, mode }).catch(error => {
    if (error.code !== 'EEXIST') {
      throw error;
    }
  });
}
