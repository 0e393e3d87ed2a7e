import path from 'node:path';
import { StepSite } from '../../src/__testUtils__/steps/StepSite';
import { BackendProcess, Installation } from '../harness/BackendProcess';
import { PostgresProcess } from '../harness/PostgresProcess';
import { Experiment, Outcome } from './experiment';

const BASE_CONFIG = path.join(__dirname, 'app-config.yaml');
const SHOWN_LINES = 30;

/**
 * Runs an experiment on real backends of an installation.
 *
 * @param options.entry - what the backends run
 * @param options.asked - that this process is to end
 * @returns what each of its checks gave. What it did not get to is a problem, too.
 */
export async function runExperiment(
  experiment: Experiment,
  options: { installation: Installation; entry: string; asked: AbortSignal },
): Promise<Outcome[]> {
  const { engine, checks, templates } = experiment;
  const { installation, entry, asked } = options;
  const problems = new Map<string, string | undefined>();
  const backends: BackendProcess[] = [];
  const server =
    engine === 'PostgreSQL' ? await PostgresProcess.start() : undefined;
  try {
    const site = await StepSite.create(engine, templates, server);
    const run = experiment.run({
      site,
      server,
      async createBackend(scaffolder) {
        const backend = await site.createBackend('backend', scaffolder, {
          baseConfig: BASE_CONFIG,
          entry,
          installation,
          isBare: true,
        });
        backends.push(backend);
        return backend;
      },
      async check(title, holds) {
        problems.set(title, await problemOf(holds));
      },
    });
    const problem = await problemOf(() => Promise.race([run, aborted(asked)]));
    for (const title of checks.filter(t => !problems.has(t))) {
      problems.set(title, problem ?? 'was not tried');
    }
    if ([...problems.values()].some(Boolean)) {
      for (const backend of backends) {
        console.log(lastLines(await backend.log()));
      }
    }
    await site.remove();
  } finally {
    await server?.stop();
  }
  return checks.map(title => ({
    row: `${title} (${engine})`,
    problem: problems.get(title),
  }));
}

async function problemOf(
  action: () => Promise<void>,
): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

function lastLines(log: string): string {
  return log.split('\n').slice(-SHOWN_LINES).join('\n');
}
