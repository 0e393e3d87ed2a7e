/*
 * The story in half a minute, with `recoverTasks: true` and nothing else below `scaffolder`: three tasks run, the backend is
 * restarted, and each task is treated as its template asked. Once as for a deployment (SIGTERM), once by a crash (SIGKILL).
 * Exits with 1 if anything differs from what is promised.
 */
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { BackendProcess } from './harness/backend/BackendProcess';
import { checkSqlite } from './harness/prepare/checkSqlite';
import { say } from './harness/command/clock';
import { runCommand, unlessAsked } from './harness/command/runCommand';
import { ScaffolderClient } from './harness/backend/ScaffolderClient';
import {
  differences,
  Outcome,
  readOutcome,
  startStory,
  STRATEGIES,
  Strategy,
} from './harness/story';
import { formatTable } from './harness/command/table';
import { TestSite } from './harness/TestSite';
import { waitFor } from './harness/waitFor';

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

type Ids = Record<Strategy, string>;

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

/** One backend that is interrupted twice. */
class Demo {
  /** What is not as promised. */
  readonly found: string[] = [];

  constructor(
    private readonly backend: BackendProcess,
    private readonly gitDirectory: string,
  ) {}

  async run(): Promise<void> {
    console.log('\nA deployment\n');
    say('Starting a Backstage backend with scaffolder.recoverTasks: true');
    let client = await this.#start();
    const planned = await this.#interrupt(client, 'deployed', 'SIGTERM');
    say('Asked the backend to end (SIGTERM), and it has ended');
    say('Starting it again at once');
    client = await this.#start();
    say('It is up. The three tasks go their ways:');
    await this.#show(client, planned.ids, 'deployed');
    const plannedMs =
      (await this.#readResumedAt(planned.signalledAt)) - planned.signalledAt;

    console.log('\nA crash\n');
    const crashed = await this.#interrupt(client, 'crashed', 'SIGKILL');
    say('Killed the backend (SIGKILL). Nothing runs any more');
    say('Starting it again at once');
    client = await this.#start();
    say('It is up. The three tasks go their ways:');
    await this.#show(client, crashed.ids, 'crashed');
    const resumedAt = await this.#readResumedAt(crashed.signalledAt);
    const upAt = (await this.#readTimes(/Plugin initialization compl/)).at(-1)!;
    const crashedMs = resumedAt - crashed.signalledAt;
    const delay = resumedAt - upAt;

    console.log(
      `\nFrom the signal to the resumed step:
\n  SIGTERM  ${inSeconds(plannedMs)}
  SIGKILL  ${inSeconds(crashedMs)}, ${delay} ms after the backend was up`,
    );
    if (!(plannedMs < MAX_PLANNED_MS)) {
      this.found.push(
        `after SIGTERM the first step began in ${plannedMs} ms, not ${MAX_PLANNED_MS}`,
      );
    }
    if (!(delay < MAX_DELAY_MS)) {
      this.found.push(
        `the first step began after ${delay} ms, not ${MAX_DELAY_MS}`,
      );
    }
    await this.#showRecord(client);
  }

  async #start(): Promise<ScaffolderClient> {
    return patiently(this.backend.start());
  }

  /** Starts the tasks and ends the backend in the middle of them. */
  async #interrupt(
    client: ScaffolderClient,
    prefix: string,
    signal: 'SIGTERM' | 'SIGKILL',
  ): Promise<{ ids: Ids; signalledAt: number }> {
    say('Starting one task for each recovery strategy');
    const ids = await startStory(client, SLOW_STEP_SECONDS, prefix);
    say(`All three are in the middle of their slow step 'transform'`);
    const signalledAt = Date.now();
    await this.backend.kill(signal);
    return { ids, signalledAt };
  }

  /** Waits until the tasks have ended and shows what became of them. */
  async #show(client: ScaffolderClient, ids: Ids, prefix: string) {
    const outcomes = {} as Record<Strategy, Outcome>;
    const read = STRATEGIES.map(async strategy => {
      const { gitDirectory } = this;
      const options = { id: ids[strategy], strategy, gitDirectory, prefix };
      outcomes[strategy] = await readOutcome(client, options);
    });
    await patiently(Promise.all(read));
    say('All three have ended. What people read under the interrupted step:');
    for (const strategy of STRATEGIES) {
      const text = await readExplanation(client, ids[strategy]);
      console.log(`\n  ${strategy}\n${wrap(text)}`);
    }
    const steps = Object.keys(outcomes.none.runs);
    const table = formatTable(
      ['strategy', ...steps, 'status', 'in the git repository'],
      STRATEGIES.map(strategy => {
        const { runs, skipped, status, published } = outcomes[strategy];
        return [
          strategy,
          ...steps.map(s => describeRuns(runs[s], skipped.includes(s))),
          status,
          published?.split('\n')[0],
        ];
      }),
    );
    console.log(`\nHow often each step ran:\n\n${table}`);
    this.found.push(
      ...STRATEGIES.flatMap(s => differences(s, outcomes[s], prefix)),
    );
  }

  /** Shows what the REST API tells of all that happened, once it has heard of the end. */
  async #showRecord(client: ScaffolderClient) {
    const attempts = await waitFor('the record of what happened', async () => {
      const all = await client.attempts();
      return all.every(a => a.outcome !== 'running') && all;
    });
    const table = formatTable(
      [
        ...['strategy', 'interrupted by', 'at step', 'decision'],
        ...['skipped', 'run again', 'outcome'],
      ],
      attempts.map(a => [
        ...[a.strategy, a.interruptedBy, a.interruptedAt, a.decision],
        a.skippedSteps.join(' ') || '-',
        a.stepsAgain.map(step => step.stepId).join(' ') || '-',
        a.outcome,
      ]),
    );
    console.log(
      `\nWhat GET /api/scaffolder/recovery/v1/attempts tells of it:\n\n${table}`,
    );
    for (const strategy of STRATEGIES) {
      const told = attempts
        .filter(a => a.strategy === strategy)
        .map(a => `${a.decision}, ${a.outcome}`);
      if (told.length !== 2 || told.some(t => t !== PROMISED[strategy])) {
        this.found.push(`${strategy}: the API tells of ${told.join(' and ')}`);
      }
    }
  }

  /**
   * When the first step of a recovered task began after a signal, by the backend's own log: SQLite's timestamps are whole
   * seconds.
   */
  async #readResumedAt(signalledAt: number): Promise<number> {
    const times = await this.#readTimes(/Fetching template content/);
    return times.find(at => at > signalledAt) ?? NaN;
  }

  async #readTimes(pattern: RegExp): Promise<number[]> {
    return stripVTControlCharacters(await this.backend.log())
      .split('\n')
      .filter(line => pattern.test(line))
      .map(line => Date.parse(line.split(' ')[0]));
  }
}

async function readExplanation(
  client: ScaffolderClient,
  id: string,
): Promise<string> {
  const found = (await client.events(id)).find(e =>
    e.body.message?.startsWith('Interrupted'),
  );
  return found?.body.message.replaceAll('\n', ' ') ?? '(nothing)';
}

function wrap(text: string): string {
  return text.replace(/(.{1,90})(\s|$)/g, '    $1\n').trimEnd();
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function describeRuns(count: number, isSkipped: boolean): string {
  const often = ['never', 'once', 'twice'][count] ?? `${count} times`;
  return isSkipped ? `${often}, then skipped` : often;
}

void runCommand({
  name: 'demo',
  usage: `npm run demo -- [--stay]

  --stay  leave the backend up afterwards, to be asked what happened`,
  options: { stay: { type: 'boolean', default: false } },
  async run({ stay }, { asked }) {
    checkSqlite();
    const site = await TestSite.create('SQLite');
    const access = {
      type: 'static',
      options: { token: TOKEN, subject: 'demo' },
    };
    const backend = await site.createBackend(
      'backend',
      { recoverTasks: true },
      {
        isBare: true,
        config: { backend: { auth: { externalAccess: [access] } } },
      },
    );
    const demo = new Demo(backend, site.gitDirectory);
    try {
      await unlessAsked(demo.run(), asked);
      const isWell = demo.found.length === 0;
      console.log(
        isWell
          ? '\nAll as promised.\n'
          : `\nNot as promised:\n${demo.found.map(f => `  ${f}`).join('\n')}\n`,
      );
      if (stay) {
        console.log(
          `The backend stays up until you press Ctrl+C. Ask it what it did, and why:\n\n  curl -H 'Authorization: Bearer ${TOKEN}' '${backend.url}/api/scaffolder/recovery/v1/attempts?limit=3'\n`,
        );
        await once(asked, 'abort');
      }
      return isWell;
    } catch (error) {
      if (!asked.aborted) {
        console.error(`\nThe backend's log:\n${await backend.log()}`);
      }
      throw error;
    } finally {
      await site.remove();
    }
  },
});
