import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O }>
>['values'];

/** What a command works with. */
export type CommandContext = {
  /** A temp folder, which is also that of all that the command starts. It goes when the command has ended. */
  directory: string;
  /** Aborts when this process is asked to end, so that it ends what it started first. */
  asked: AbortSignal;
  /** What was given beside options, if the command takes that. */
  operands: string[];
  /** Leaves the folder where it is. */
  keepDirectory(): void;
};

/** The command was used wrongly. */
export class UsageError extends Error {}

/** This process was asked to end by a signal. */
class AskedToEnd extends Error {
  readonly code: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`Asked to end by ${signal}`);
    this.code = 128 + os.constants.signals[signal];
  }
}

/** Rejects if the process is asked to end before something is done. What goes on then has to be ended by the caller. */
export async function unlessAsked<T>(
  work: Promise<T>,
  asked: AbortSignal,
): Promise<T> {
  asked.throwIfAborted();
  return Promise.race([
    work,
    new Promise<never>((_, reject) =>
      asked.addEventListener('abort', () => reject(asked.reason)),
    ),
  ]);
}

/**
 * Selects among things by an option with their names, such as `--rows 2,5`.
 *
 * @returns all of them if the option is not given
 * @throws UsageError that says what is accepted
 */
export function select<T>(
  option: string,
  wanted: string | string[] | undefined,
  all: readonly T[],
  nameOf: (item: T) => string,
): T[] {
  const names = [wanted ?? []].flat().flatMap(text => text.split(','));
  const unknown = names.filter(n => !all.some(item => nameOf(item) === n));
  if (unknown.length > 0) {
    throw new UsageError(
      `${option} has ${unknown.join()}; expected ${all.map(nameOf).join()}`,
    );
  }
  return all.filter(
    item => wanted === undefined || names.includes(nameOf(item)),
  );
}

/**
 * Runs what stands behind `npm run <name>`, and ends this process: with 0 if all was well, with 1 if not or if it failed, and with the
 * usual code of a signal if it was asked to end.
 *
 * @param command.usage - what `--help` prints
 * @param command.options - as `parseArgs` takes them
 * @param command.takesOperands - whether anything may be given beside options
 * @param command.run - returns whether all was well
 */
export async function runCommand<O extends Options>(command: {
  name: string;
  usage: string;
  options: O;
  takesOperands?: boolean;
  run(values: Values<O>, context: CommandContext): Promise<boolean>;
}): Promise<never> {
  const { name, usage, options, takesOperands = false, run } = command;
  const controller = new AbortController();
  const { signal: asked } = controller;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new AskedToEnd(signal)));
  }
  let isWell = false;
  let directory: string | undefined;
  let isKept = false;
  try {
    const { values, operands } = readArguments(options, takesOperands, usage);
    directory = fs.mkdtempSync(path.join(os.tmpdir(), `recovery-${name}-`));
    // A PostgreSQL server runs as another user, if this one is root.
    fs.chmodSync(directory, 0o755);
    process.env.TMPDIR = directory;
    isWell = await run(values, {
      directory,
      asked,
      operands,
      keepDirectory() {
        isKept = true;
      },
    });
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`);
    } else {
      console.error(asked.aborted ? String(error) : error);
    }
  } finally {
    if (directory && !isKept) {
      fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
    }
  }
  return process.exit(asked.aborted ? asked.reason.code : Number(!isWell));
}

function readArguments<O extends Options>(
  options: O,
  allowPositionals: boolean,
  usage: string,
): { values: Values<O>; operands: string[] } {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals });
    return { values: values as Values<O>, operands: positionals };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
