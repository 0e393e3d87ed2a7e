import { toError } from '@backstage/errors';
import glob from 'fast-glob';
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { ActionTraits, LEFT } from '../actions';
import { check } from '../check';
import { Format, FORMATS } from './formats';

const NAME = 'backstage-plugin-scaffolder-backend-module-recovery';

const USAGE = `Usage: ${NAME} check [options] <file or pattern>...

Checks the recovery blocks of Backstage templates and prints what would happen to interrupted tasks.

Options:
  --format <text|json|github>  how to print (default: text)
  --strict                     warnings count as errors
  --without-snapshots          for backends with recoverTasksWorkspaces.enabled: false,
                               or a workspace provider of their own
  --config <file>              a YAML file that describes further actions:
                                 actions:
                                   acme:transform: { reads: true, writes: true }
                                   acme:ticket:create: { unguarded: true }
                                   acme:cluster:join: { leaves: login }
  --help                       print this

Exit codes: 0 nothing found, 1 something found, 2 wrong usage`;

const configSchema = z
  .object({
    actions: z.record(
      z.string(),
      z
        .object({
          reads: z.boolean().optional(),
          writes: z.boolean().optional(),
          unguarded: z.boolean().optional(),
          leaves: z.enum(LEFT).optional(),
        })
        .strict(),
    ),
  })
  .strict();

/** The command line is invalid. */
class UsageError extends Error {}

/** Where the command prints to. */
type Output = {
  out(text: string): void;
  error(text: string): void;
};

const CONSOLE: Output = {
  out: text => process.stdout.write(`${text}\n`),
  error: text => process.stderr.write(`${text}\n`),
};

/**
 * Runs the command.
 *
 * @param args - what follows the name of the command
 * @returns the exit code: 0 if nothing was found, 1 if something was, 2 for wrong usage.
 */
export async function main(
  args: string[],
  output: Output = CONSOLE,
): Promise<0 | 1 | 2> {
  try {
    return await run(args, output);
  } catch (error) {
    if (error instanceof UsageError) {
      output.error(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    throw error;
  }
}

async function run(args: string[], output: Output): Promise<0 | 1> {
  const { values, positionals } = readArgs(args);
  if (values.help) {
    output.out(USAGE);
    return 0;
  }
  const [command, ...patterns] = positionals;
  if (command !== 'check') {
    throw new UsageError(
      command
        ? `There is no command '${command}'; expected 'check'.`
        : `A command is missing; expected 'check'.`,
    );
  }
  if (patterns.length === 0) {
    throw new UsageError('Which files to check is missing.');
  }
  if (!Object.hasOwn(FORMATS, values.format)) {
    throw new UsageError(
      `--format is '${values.format}'; expected one of ${Object.keys(FORMATS).join(', ')}.`,
    );
  }
  const actions = values.config ? readActions(values.config) : {};
  const files = await findFiles(patterns);
  const result = check(files, {
    actions,
    withoutSnapshots: values['without-snapshots'],
  });
  const text = FORMATS[values.format as Format](result);
  if (text) {
    output.out(text);
  }
  const { findings, templates } = result;
  const errors = findings.filter(f => f.severity === 'error').length;
  const warnings = findings.length - errors;
  // Apart, so that what machines read stays what it is.
  output.error(
    `${count(files.length, 'file')}, ${count(templates.length, 'template')}: ${count(
      errors,
      'error',
    )}, ${count(warnings, 'warning')}`,
  );
  return errors > 0 || (values.strict && warnings > 0) ? 1 : 0;
}

function readArgs(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        format: { type: 'string', default: 'text' },
        strict: { type: 'boolean', default: false },
        'without-snapshots': { type: 'boolean', default: false },
        config: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(`${toError(error).message}.`);
  }
}

function readActions(file: string): Record<string, ActionTraits> {
  let content: unknown;
  try {
    content = parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(
      `Could not read --config ${file}: ${toError(error).message.split('\n')[0]}.`,
    );
  }
  const parsed = configSchema.safeParse(content);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new UsageError(
      `--config ${file} is wrong at '${path.join('.')}': ${message}. Expected actions, each with reads, writes and unguarded, which are true or false, and leaves, which is ${LEFT.join(', ')}.`,
    );
  }
  return parsed.data.actions;
}

async function findFiles(patterns: string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    // A shell may have expanded the pattern already, to names that a pattern would read otherwise.
    const file = fs.statSync(pattern, { throwIfNoEntry: false });
    if (file?.isDirectory()) {
      throw new UsageError(
        `'${pattern}' is a folder; expected files and patterns such as '${pattern.replace(/\/$/, '')}/**/*.yaml'.`,
      );
    }
    const found = file
      ? [pattern]
      : await glob(pattern, { ignore: ['**/node_modules/**'] });
    if (found.length === 0) {
      throw new UsageError(`No file fits '${pattern}'.`);
    }
    found.sort().forEach(name => files.add(name));
  }
  return [...files];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
