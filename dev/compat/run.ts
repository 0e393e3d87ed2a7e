import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

/** Of the lines that a program wrote: enough to see why it failed. */
const SHOWN_LINES = 40;

/**
 * Runs a program in a folder, with a Node.js that may be another one than this process's.
 *
 * @returns what it wrote
 * @throws Error with the last lines of what it wrote, if it fails
 */
export async function run(
  command: string[],
  options: { directory: string; node: string },
): Promise<string> {
  const { directory, node } = options;
  try {
    const { stdout } = await promisify(execFile)(command[0], command.slice(1), {
      cwd: directory,
      env: envOf(node),
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    const lines = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n');
    throw new Error(
      `${command.join(' ')} failed in ${directory}: ${
        lines.slice(-SHOWN_LINES).join('\n') || error
      }`,
    );
  }
}

/** The environment in which npm, and what it runs, find a Node.js and the headers to build native modules for it. */
function envOf(node: string): NodeJS.ProcessEnv {
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
