import fs from 'node:fs';
import path from 'node:path';

/**
 * Where a program is on the PATH.
 *
 * @param names - under which it may be found
 * @throws Error that says how to get it.
 */
export function findProgram(names: string[], howToGet: string): string {
  const files = (process.env.PATH ?? '')
    .split(path.delimiter)
    .flatMap(folder => names.map(name => path.join(folder, name)));
  const found = files.find(isExecutable);
  if (!found) {
    throw new Error(`No ${names.join(' or ')} on the PATH. ${howToGet}`);
  }
  return found;
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
