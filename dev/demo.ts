/*
 * The story in a good minute, with `recoverTasks: true` and nothing else below `scaffolder`: three tasks run, the backend is
 * restarted, and each task is treated as its template asked. Once as for a deployment (SIGTERM), once by a crash (SIGKILL).
 * Exits with 1 if anything differs from what is promised. With `--stay` the backend stays up afterwards, to be asked what
 * happened.
 */
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BackendProcess } from './harness/BackendProcess';
import { checkSqlite } from './harness/checkSqlite';
import { ScaffolderClient, TaskEvent } from './harness/ScaffolderClient';
import {
  differences,
  Outcome,
  readOutcome,
  startStory,
  STRATEGIES,
  Strategy,
} from './harness/story';
import { waitFor } from './harness/waitFor';

/** The default of recoverTasksTimeout. */
const TIMEOUT_SECONDS = 30;
const SLOW_STEP_SECONDS = 6;
/** From the moment that the backend is up after a crash to the first step of a recovered task. */
const MAX_DELAY_MS = 500;
/** From SIGTERM to the first step of a recovered task. */
const MAX_PLANNED_MS = 20_000;
/** For `curl`. It opens a backend that is gone after the demo and listens to this machine only. */
const TOKEN = 'recovery-demo';
/** What becomes of the tasks, as the REST API says it. */
const PROMISED = {
  none: 'failed, closed',
  restart: 'restart, completed',
  idempotent: 'resume, completed',
};

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

type Ids = Record<Strategy, string>;

async function main(directory: string): Promise<boolean> {
  checkSqlite();
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
        auth: {
          externalAccess: [
            { type: 'static', options: { token: TOKEN, subject: 'demo' } },
          ],
        },
      },
      dev: { gitDirectory },
    },
  });
  const found: string[] = [];

  /** Starts the tasks and ends the backend in the middle of them. */
  async function interrupt(
    client: ScaffolderClient,
    prefix: string,
    signal: 'SIGTERM' | 'SIGKILL',
  ): Promise<{ ids: Ids; signalledAt: number }> {
    say('Starting one task for each recovery strategy');
    const ids = await startStory(client, SLOW_STEP_SECONDS, prefix);
    say(`All three are in the middle of their slow step 'transform'`);
    const signalledAt = Date.now();
    await backend.kill(signal);
    return { ids, signalledAt };
  }

  /** Waits until the tasks have ended and shows what became of them. */
  async function show(client: ScaffolderClient, ids: Ids, prefix: string) {
    const outcomes = {} as Record<Strategy, Outcome>;
    await patiently(
      Promise.all(
        STRATEGIES.map(async strategy => {
          const id = ids[strategy];
          const options = { id, strategy, gitDirectory, prefix };
          outcomes[strategy] = await readOutcome(client, options);
        }),
      ),
    );
    say('All three have ended. What people read under the interrupted step:');
    for (const strategy of STRATEGIES) {
      const events = await client.events(ids[strategy]);
      console.log(`\n  ${strategy}\n${wrap(explanation(events))}`);
    }
    printRuns(outcomes);
    found.push(...STRATEGIES.flatMap(s => differences(s, outcomes[s], prefix)));
  }

  /** Shows what the REST API tells of all that happened, once it has heard of the end. */
  async function showRecord(client: ScaffolderClient) {
    const attempts = await waitFor('the record of what happened', async () => {
      const all = await client.attempts();
      return all.every(a => a.outcome !== 'running') && all;
    });
    console.log(
      '\nWhat GET /api/scaffolder/recovery/v1/attempts tells of it:\n',
    );
    printTable([
      [
        ...['strategy', 'interrupted by', 'at step', 'decision'],
        ...['skipped', 'run again', 'outcome'],
      ],
      ...attempts.map(a => [
        `${a.strategy}`,
        a.interruptedBy ?? '-',
        `${a.interruptedAt}`,
        a.decision,
        a.skippedSteps.join(' ') || '-',
        a.stepsAgain.map(step => step.stepId).join(' ') || '-',
        a.outcome,
      ]),
    ]);
    for (const strategy of STRATEGIES) {
      const told = attempts
        .filter(a => a.strategy === strategy)
        .map(a => `${a.decision}, ${a.outcome}`);
      if (told.length !== 2 || told.some(t => t !== PROMISED[strategy])) {
        found.push(`${strategy}: the API tells of ${told.join(' and ')}`);
      }
    }
  }

  try {
    console.log('\nA deployment\n');
    say('Starting a Backstage backend with scaffolder.recoverTasks: true');
    let client = await patiently(backend.start());
    const planned = await interrupt(client, 'deployed', 'SIGTERM');
    say('Asked the backend to end (SIGTERM), and it has ended');
    say('Starting it again at once');
    client = await patiently(backend.start());
    say('It is up. The three tasks go their ways:');
    await show(client, planned.ids, 'deployed');
    const plannedMs =
      (await readResumedAt(backend, planned.signalledAt)) - planned.signalledAt;

    console.log('\nA crash\n');
    const crashed = await interrupt(client, 'crashed', 'SIGKILL');
    say('Killed the backend (SIGKILL). Nothing runs any more');
    say(
      `Waiting until the tasks count as interrupted (recoverTasksTimeout: ${TIMEOUT_SECONDS} s)`,
    );
    await patiently(
      // A second for the last heartbeat, and one since SQLite counts in whole seconds.
      waitFor(
        'the timeout',
        async () =>
          Date.now() > crashed.signalledAt + (TIMEOUT_SECONDS + 2) * 1000,
      ),
    );
    say('Starting the backend again');
    client = await patiently(backend.start());
    say('It is up. The three tasks go their ways:');
    await show(client, crashed.ids, 'crashed');
    const resumedAt = await readResumedAt(backend, crashed.signalledAt);
    const crashedMs = resumedAt - crashed.signalledAt;
    const delay = resumedAt - (await readUpAt(backend));

    console.log(
      `\nFrom the signal to the resumed step (recoverTasksTimeout: ${TIMEOUT_SECONDS} s):\n`,
    );
    console.log(`  SIGTERM  ${inSeconds(plannedMs)}`);
    console.log(
      `  SIGKILL  ${inSeconds(crashedMs)}, ${delay} ms after the backend was up`,
    );
    if (!(plannedMs < MAX_PLANNED_MS)) {
      found.push(
        `after SIGTERM the first step began in ${plannedMs} ms, not ${MAX_PLANNED_MS}`,
      );
    }
    if (!(delay < MAX_DELAY_MS)) {
      found.push(`the first step began after ${delay} ms, not ${MAX_DELAY_MS}`);
    }
    await showRecord(client);
    console.log(
      found.length === 0
        ? '\nAll as promised.\n'
        : `\nNot as promised:\n${found.map(f => `  ${f}`).join('\n')}\n`,
    );
    if (process.argv.includes('--stay')) {
      console.log(
        `The backend stays up until you press Ctrl+C. Ask it what it did, and why:\n\n  curl -H 'Authorization: Bearer ${TOKEN}' '${backend.url}/api/scaffolder/recovery/v1/attempts?limit=3'\n`,
      );
      await once(process, 'SIGINT');
    }
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
  return found?.body.message.replaceAll('\n', ' ') ?? '(nothing)';
}

function wrap(text: string): string {
  return text.replace(/(.{1,90})(\s|$)/g, '    $1\n').trimEnd();
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * When the first step of a recovered task began after a signal, by the backend's own log: SQLite's timestamps are whole
 * seconds.
 */
async function readResumedAt(
  backend: BackendProcess,
  signalledAt: number,
): Promise<number> {
  const times = await readTimes(backend, /Fetching template content/);
  return times.find(at => at > signalledAt) ?? NaN;
}

/** When the backend was up, the last time. */
async function readUpAt(backend: BackendProcess): Promise<number> {
  return (await readTimes(backend, /Plugin initialization compl/)).at(-1)!;
}

async function readTimes(
  backend: BackendProcess,
  pattern: RegExp,
): Promise<number[]> {
  return (await backend.log())
    .replace(COLOURS, '')
    .split('\n')
    .filter(line => pattern.test(line))
    .map(line => Date.parse(line.split(' ')[0]));
}

function printRuns(outcomes: Record<Strategy, Outcome>): void {
  const steps = Object.keys(outcomes.none.runs);
  console.log('\nHow often each step ran:\n');
  printTable([
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
  ]);
}

/** The first row has the names of the columns. */
function printTable(rows: string[][]): void {
  const widths = rows[0].map((_, i) => Math.max(...rows.map(r => r[i].length)));
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
