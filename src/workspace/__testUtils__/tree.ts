import fs from 'node:fs';
import { toBytePath, toFsPath } from '../engine/bytePath';
import { permissions } from '../engine/scan';

/** What `utimes` of Node.js is exact to. */
const NS_PER_MICROSECOND = 1000n;

/** All that a snapshot has to keep of a folder, by relative path, so that two folders can be compared. */
export function readTree(
  folder: string,
  options: { withTimes?: boolean } = {},
): Record<string, string> {
  const { withTimes = true } = options;
  const tree: Record<string, string> = {};
  const visit = (path: string) => {
    for (const name of fs.readdirSync(toFsPath(path), 'latin1').sort()) {
      const child = `${path}/${name}`;
      const stat = fs.lstatSync(toFsPath(child), { bigint: true });
      const time = withTimes ? ` at ${stat.mtimeNs / NS_PER_MICROSECOND}` : '';
      const key = child.slice(toBytePath(folder).length + 1);
      if (stat.isSymbolicLink()) {
        tree[key] = `-> ${fs.readlinkSync(toFsPath(child), 'latin1')}${time}`;
        continue;
      }
      const mode = permissions(stat).toString(8);
      if (stat.isDirectory()) {
        tree[key] = `folder ${mode}${time}`;
        visit(child);
      } else {
        const content = fs.readFileSync(toFsPath(child));
        const shown =
          content.length > 100
            ? `${content.length} bytes, ${content.toString('base64').slice(-40)}`
            : content.toString('latin1');
        tree[key] = `${mode}${time} ${shown}`;
      }
    }
  };
  visit(toBytePath(folder));
  return tree;
}

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
