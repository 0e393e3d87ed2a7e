import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** All that is in a folder, a line for each file, link and folder: its path, mode, and content. */
export function listTree(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const file = path.join(folder, entry.name);
      const mode = (fs.lstatSync(file).mode % 0o1000).toString(8);
      const line = `${entry.name} ${mode}`;
      if (entry.isSymbolicLink()) {
        return [`${entry.name} -> ${fs.readlinkSync(file)}`];
      }
      if (entry.isDirectory()) {
        return [
          `${line} folder`,
          ...listTree(file).map(below => `${entry.name}/${below}`),
        ];
      }
      const hash = createHash('sha256').update(fs.readFileSync(file));
      return [`${line} ${hash.digest('hex').slice(0, 16)}`];
    });
}
