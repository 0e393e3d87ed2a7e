import fs from 'node:fs';

/** Writes files by relative path, with the folders that they need. */
export function writeFiles(
  folder: string,
  files: Record<string, string | Buffer>,
): void {
  for (const [path, content] of Object.entries(files)) {
    const parent = path.split('/').slice(0, -1).join('/');
    fs.mkdirSync(`${folder}/${parent}`, { recursive: true });
    fs.writeFileSync(`${folder}/${path}`, content);
  }
}
