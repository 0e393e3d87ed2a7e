import path from 'node:path';
import { askPublished } from './actions/repositories';
import { countRuns, ScaffolderClient } from './backend/ScaffolderClient';

export const STRATEGIES = ['none', 'restart', 'idempotent'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** What became of a sample task. */
export type Outcome = {
  status: string;
  /** How often each step began. */
  runs: Record<string, number>;
  /** The steps that a further run skipped, since they had finished before. */
  skipped: string[];
  /** The README that landed in the git repository, if one did. */
  published?: string;
  /** All files that landed there. */
  files: string[];
};

/** What the strategies promise when the backend ends once in the `transform` step of the sample templates. */
const PROMISED: Record<Strategy, Omit<Outcome, 'published' | 'files'>> = {
  none: {
    status: 'failed',
    skipped: [],
    runs: { repository: 1, fetch: 1, transform: 1, publish: 0 },
  },
  restart: {
    status: 'completed',
    skipped: [],
    runs: { repository: 2, fetch: 2, transform: 2, publish: 1 },
  },
  // `transform` begins with the files of `fetch`. `publish` uses the output of `repository`.
  idempotent: {
    status: 'completed',
    skipped: ['repository', 'fetch'],
    runs: { repository: 1, fetch: 1, transform: 2, publish: 1 },
  },
};

/**
 * Starts one task for each strategy and waits until all are in the middle of the slow step.
 *
 * @param prefix - what the names of the services that they make begin with
 */
export async function startStory(
  client: ScaffolderClient,
  seconds: number,
  prefix?: string,
): Promise<Record<Strategy, string>> {
  const ids: Partial<Record<Strategy, string>> = {};
  for (const strategy of STRATEGIES) {
    ids[strategy] = await client.dispatch(
      `template:default/sample-${strategy}`,
      { name: serviceName(strategy, prefix), seconds },
    );
  }
  for (const id of Object.values(ids)) {
    await client.waitForStep(id, 'transform');
  }
  return ids as Record<Strategy, string>;
}

/** Waits until a task has ended, and tells what became of it. */
export async function readOutcome(
  client: ScaffolderClient,
  options: {
    id: string;
    strategy: Strategy;
    gitDirectory: string;
    prefix?: string;
  },
): Promise<Outcome> {
  const { id, strategy, gitDirectory, prefix } = options;
  const repository = path.join(
    gitDirectory,
    `${serviceName(strategy, prefix)}.git`,
  );
  const task = await client.waitForEnd(id);
  const events = await client.events(id);
  return {
    status: task.status,
    runs: Object.fromEntries(countRuns(task, events)),
    skipped: events
      .filter(e => /^Skipping step .* already completed/.test(e.body.message))
      .map(e => e.body.stepId!),
    published: await askPublished(repository, 'show', 'main:README.md'),
    files:
      (
        await askPublished(repository, 'ls-tree', '-r', '--name-only', 'main')
      )?.split('\n') ?? [],
  };
}

/** In which points an outcome is not what the strategy promises. */
export function differences(
  strategy: Strategy,
  outcome: Outcome,
  prefix?: string,
): string[] {
  const promised = PROMISED[strategy];
  const found: string[] = [];
  const compare = (what: string, is: unknown, expected: unknown) => {
    if (is !== expected) {
      found.push(`${strategy}: ${what} is ${is} instead of ${expected}`);
    }
  };
  compare('the status', outcome.status, promised.status);
  for (const [step, runs] of Object.entries(promised.runs)) {
    compare(`the number of runs of ${step}`, outcome.runs[step], runs);
  }
  compare('skipped', outcome.skipped.join(), promised.skipped.join());
  const name = serviceName(strategy, prefix);
  compare(
    'what landed in the repository',
    outcome.published,
    promised.status === 'completed'
      ? `# ${name}\n\nMade from a template for ${name}.`
      : undefined,
  );
  compare(
    'the list of files there',
    outcome.files.join(),
    promised.status === 'completed'
      ? 'README.md,catalog-info.yaml,docs/index.md,index.js'
      : '',
  );
  return found;
}

/** Waits until the tasks have ended, and tells in which points they differ from what their strategies promise. */
export async function readDifferences(
  client: ScaffolderClient,
  options: { ids: Partial<Record<Strategy, string>>; gitDirectory: string },
): Promise<string[]> {
  const found: string[] = [];
  for (const strategy of STRATEGIES) {
    const id = options.ids[strategy];
    if (id) {
      const { gitDirectory } = options;
      const outcome = await readOutcome(client, { id, strategy, gitDirectory });
      found.push(...differences(strategy, outcome));
    }
  }
  return found;
}

function serviceName(strategy: Strategy, prefix = 'service'): string {
  return `${prefix}-${strategy}`;
}
