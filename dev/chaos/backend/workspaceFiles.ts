import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Edit, Entry, Files } from '../tasks/fileEdits';

/** So many differences are named. */
const SHOWN = 4;

/** Does something to a workspace. */
export async function carryOut(folder: string, edit: Edit): Promise<void> {
  const at = path.join(folder, edit.path);
  switch (edit.do) {
    case 'write':
      await fs.writeFile(at, edit.content);
      await fs.chmod(at, edit.mode);
      break;
    case 'append':
      await fs.appendFile(at, edit.content);
      break;
    case 'folder':
      await fs.mkdir(at);
      break;
    case 'rename':
      await fs.rename(at, path.join(folder, edit.to));
      break;
    case 'delete':
      await fs.rm(at, { recursive: true });
      break;
    default:
      await fs.symlink(edit.target, at);
  }
}

/** All that is in a workspace. */
export async function readFiles(folder: string): Promise<Files> {
  const files: Files = new Map();
  const visit = async (prefix: string): Promise<void> => {
    const at = path.join(folder, prefix);
    for (const entry of await fs.readdir(at, { withFileTypes: true })) {
      const relative = prefix ? `${prefix}/${entry.name}` : entry.name;
      const absolute = path.join(folder, relative);
      if (entry.isSymbolicLink()) {
        const target = await fs.readlink(absolute);
        files.set(relative, { kind: 'link', target });
      } else if (entry.isDirectory()) {
        files.set(relative, { kind: 'folder' });
        await visit(relative);
      } else {
        const { mode } = await fs.stat(absolute);
        const content = await fs.readFile(absolute);
        // eslint-disable-next-line no-bitwise
        files.set(relative, { kind: 'file', content, mode: mode & 0o777 });
      }
    }
  };
  await visit('');
  return files;
}

/** What differs, as it is named in a violation. Nothing if all is the same, to the byte. */
export function differenceOf(
  found: Files,
  expected: Files,
): string | undefined {
  const differences = [...new Set([...expected.keys(), ...found.keys()])]
    .sort()
    .map(at => [at, show(found.get(at)), show(expected.get(at))])
    .filter(([, is, ought]) => is !== ought)
    .map(([at, is, ought]) => `${at} is ${is} instead of ${ought}`);
  return differences.length > 0
    ? `${found.size} entries instead of ${expected.size}, ${
        differences.length
      } differ: ${differences.slice(0, SHOWN).join('; ')}`
    : undefined;
}

function show(entry: Entry | undefined): string {
  if (!entry) {
    return 'not there';
  }
  switch (entry.kind) {
    case 'folder':
      return 'a folder';
    case 'link':
      return `a link to ${entry.target}`;
    default: {
      const { content, mode } = entry;
      const hash = createHash('sha256').update(content).digest('hex');
      return `a file of ${content.length} bytes (mode ${mode.toString(8)}, hash ${hash.slice(0, 12)})`;
    }
  }
}
