import fs from 'node:fs';
import path from 'node:path';

/** Debian has servers in the last ones, which are on the PATH of root only. */
const FURTHER = ['/usr/local/sbin', '/usr/sbin'];

/** The first of some executables that is installed. Nothing if none is. */
export function findProgram(...names: string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(path.delimiter), ...FURTHER]
    .flatMap(folder => names.map(name => path.join(folder, name)))
    .find(file => fs.existsSync(file));
}
