import { execFile as execFileCallback } from 'node:child_process';
import { promisify } from 'node:util';

const execFile = promisify(execFileCallback);

/** Where a program runs. */
type Surroundings = {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** Ends it. */
  signal?: AbortSignal;
};

/** A program ended with another code than 0. */
export class CommandFailed extends Error {
  constructor(
    command: string,
    /** All that it wrote, on both streams. */
    readonly output: string,
  ) {
    super(`${command} failed:\n${output}`);
  }
}

/**
 * Runs a program and returns what it wrote to stdout.
 *
 * @throws CommandFailed if it ends with another code than 0.
 */
export async function run(
  command: string,
  args: string[],
  surroundings: Surroundings,
): Promise<string> {
  try {
    // A schema of all packages of an app is larger than the default of 1 MB.
    const options = { ...surroundings, maxBuffer: 64 * 1024 * 1024 };
    return (await execFile(command, args, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as any;
    throw new CommandFailed(
      [command, ...args].join(' '),
      `${stdout}${stderr}` || message,
    );
  }
}
