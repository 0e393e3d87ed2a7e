/*
 * The story in one minute: three tasks run, the backend is killed, it starts again, and each task is treated as its
 * template asked. Exits with 1 if anything differs from what the strategies promise.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BackendProcess } from './harness/BackendProcess';
import { TaskEvent } from './harness/ScaffolderClient';
import {
  differences,
  Outcome,
  readOutcome,
  startStory,
  STRATEGIES,
  Strategy,
} from './harness/story';
import { waitFor } from './harness/waitFor';

const TIMEOUT_SECONDS = 5;
const SLOW_STEP_SECONDS = 6;
const MAX_DELAY_MS = 500;

// eslint-disable-next-line no-control-regex
const COLOURS = /\x1b\[\d+m/g;

const startedAt = Date.now();

function say(text: string): void {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`${seconds.padStart(6)} s  ${text}`);
}

/** Dots while something takes its time. */
async function patiently<T>(promise: Promise<T>): Promise<T> {
  const dots = setInterval(() => process.stdout.write('.'), 500);
  try {
    return await promise;
  } finally {
    clearInterval(dots);
    process.stdout.write('\n');
  }
}

async function main(directory: string): Promise<boolean> {
  const gitDirectory = path.join(directory, 'git');
  const workingDirectory = path.join(directory, 'work');
  await fs.mkdir(workingDirectory);
  const backend = await BackendProcess.create({
    directory,
    name: 'backend',
    config: {
      backend: {
        workingDirectory,
        database: {
          client: 'better-sqlite3',
          connection: { directory: path.join(directory, 'database') },
        },
      },
      scaffolder: { recoverTasksTimeout: { seconds: TIMEOUT_SECONDS } },
      dev: { gitDirectory },
    },
  });

  try {
    say('Starting a Backstage backend with scaffolder.recoverTasks: true');
    const before = await patiently(backend.start());

    say('Starting one task for each recovery strategy');
    const ids = await startStory(before, SLOW_STEP_SECONDS);
    say(`All three are in the middle of their slow step 'transform'`);

    await backend.kill();
    const killedAt = Date.now();
    say('Killed the backend (SIGKILL). Nothing runs any more');

    say(
      `Waiting until the tasks count as interrupted (recoverTasksTimeout: ${TIMEOUT_SECONDS} s)`,
    );
    await patiently(
      // A second for the last heartbeat, and one since SQLite counts in whole seconds.
      waitFor(
        'the timeout',
        async () => Date.now() > killedAt + (TIMEOUT_SECONDS + 2) * 1000,
      ),
    );

    say('Starting the backend again');
    const after = await patiently(backend.start());
    say('It is up. The three tasks go their ways:');
    const outcomes = {} as Record<Strategy, Outcome>;
    await patiently(
      Promise.all(
        STRATEGIES.map(async strategy => {
          const id = ids[strategy];
          outcomes[strategy] = await readOutcome(after, {
            id,
            strategy,
            gitDirectory,
          });
        }),
      ),
    );
    say('All three have ended. What people read under the interrupted step:');
    for (const strategy of STRATEGIES) {
      const events = await after.events(ids[strategy]);
      console.log(`\n  ${strategy}\n${wrap(explanation(events))}`);
    }
    const delay = await readDelay(backend);
    console.log(
      `\nThe first step of a recovered task began ${delay} ms after the backend was up.`,
    );
    printTable(outcomes);

    const found = STRATEGIES.flatMap(s => differences(s, outcomes[s]));
    if (!(delay < MAX_DELAY_MS)) {
      found.push(`the first step began after ${delay} ms, not ${MAX_DELAY_MS}`);
    }
    console.log(
      found.length === 0
        ? '\nAll as promised.\n'
        : `\nNot as promised:\n${found.map(f => `  ${f}`).join('\n')}\n`,
    );
    return found.length === 0;
  } catch (error) {
    console.error(`\nThe backend's log:\n${await backend.log()}`);
    throw error;
  } finally {
    await backend.kill();
  }
}

function explanation(events: TaskEvent[]): string {
  const found = events.find(e => e.body.message?.startsWith('Interrupted'));
  return found?.body.message ?? '(nothing)';
}

function wrap(text: string): string {
  return text.replace(/(.{1,90})(\s|$)/g, '    $1\n').trimEnd();
}

/**
 * How many milliseconds after the backend was up the first step of the idempotent task began, by the backend's own log:
 * SQLite's timestamps are whole seconds.
 */
async function readDelay(backend: BackendProcess): Promise<number> {
  const lines = (await backend.log()).replace(COLOURS, '').split('\n');
  const up = lines.findLastIndex(l => /Plugin initialization compl/.test(l));
  const begun = lines.find(
    (l, i) => i > up && /Fetching template content/.test(l),
  );
  const timeOf = (line: string | undefined) =>
    Date.parse(line?.split(' ')[0] ?? '');
  return timeOf(begun) - timeOf(lines[up]);
}

function printTable(outcomes: Record<Strategy, Outcome>): void {
  const steps = Object.keys(outcomes.none.runs);
  const rows = [
    ['strategy', ...steps, 'status', 'in the git repository'],
    ...STRATEGIES.map(strategy => {
      const { runs, skipped, status, published } = outcomes[strategy];
      return [
        strategy,
        ...steps.map(step => describeRuns(runs[step], skipped.includes(step))),
        status,
        published?.split('\n')[0] ?? '-',
      ];
    }),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map(r => r[i].length)));
  console.log('\nHow often each step ran:\n');
  for (const row of rows) {
    const cells = row.map((cell, i) => cell.padEnd(widths[i]));
    console.log(`  ${cells.join('  ').trimEnd()}`);
    if (row === rows[0]) {
      console.log(`  ${widths.map(w => '-'.repeat(w)).join('  ')}`);
    }
  }
}

function describeRuns(count: number, isSkipped: boolean): string {
  const often = ['never', 'once', 'twice'][count] ?? `${count} times`;
  return isSkipped ? `${often}, then skipped` : often;
}

async function run(): Promise<void> {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-demo-'));
  try {
    process.exitCode = (await main(directory)) ? 0 : 1;
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await fs.rm(directory, { recursive: true, force: true });
  }
}

void run();
