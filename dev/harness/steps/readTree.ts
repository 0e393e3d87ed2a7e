import { createHash } from 'node:crypto';
import fs from 'node:fs';

/** What `utimes` of Node.js is exact to. */
const NS_PER_MICROSECOND = 1000n;

/** All that a run has to find again in a folder, by relative path: modes, content, links and times, so that two folders can be compared. */
export type Tree = Record<string, string>;

/**
 * Reads all that is in a folder. Names are bytes, one character each ('latin1'), since they need not be UTF-8.
 *
 * @param options.without - a text to leave out of the content of files, in which folders that are to be the same differ
 */
export function readTree(
  folder: string,
  options: { withTimes?: boolean; without?: string } = {},
): Tree {
  const { withTimes = true, without } = options;
  const root = Buffer.from(folder).toString('latin1');
  const tree: Tree = {};
  const visit = (parent: string) => {
    for (const name of fs.readdirSync(bytes(parent), 'latin1').sort()) {
      const path = `${parent}/${name}`;
      const stat = fs.lstatSync(bytes(path), { bigint: true });
      const time = withTimes ? ` at ${stat.mtimeNs / NS_PER_MICROSECOND}` : '';
      const mode = (Number(stat.mode) % 0o10000).toString(8);
      const key = path.slice(root.length + 1);
      if (stat.isSymbolicLink()) {
        tree[key] = `-> ${fs.readlinkSync(bytes(path), 'latin1')}${time}`;
      } else if (stat.isDirectory()) {
        tree[key] = `folder ${mode}${time}`;
        visit(path);
      } else {
        const found = fs.readFileSync(bytes(path));
        const content =
          without && found.includes(without)
            ? bytes(found.toString('latin1').replaceAll(without, ''))
            : found;
        const hash = createHash('sha256').update(content).digest('hex');
        tree[key] = `${mode}${time} ${content.length} ${hash.slice(0, 16)}`;
      }
    }
  };
  visit(root);
  return tree;
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
