import { StepSite } from '../harness/steps/StepSite';
import { Installation } from '../harness/backend/BackendProcess';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { unlessAsked } from '../harness/command/runCommand';
import { Experiment, Outcome } from './experiment';

/** For the tests of who may read what. */
const PERMISSIONS = {
  permission: { enabled: true },
  auth: { providers: { test: {} } },
};

type Options = {
  installation: Installation;
  /** What the backends run. */
  entry: string;
  /** That this process is to end. */
  asked: AbortSignal;
};

/**
 * Runs an experiment on real backends of an installation.
 *
 * @returns what each of its checks gave. What it did not get to is a problem, too.
 */
export async function runExperiment(
  experiment: Experiment,
  options: Options,
): Promise<Outcome[]> {
  const { engine, checks } = experiment;
  const problems = new Map<string, string | undefined>();
  const problem = await problemOf(() => measure(experiment, options, problems));
  return checks.map(title => ({
    row: `${title} (${engine})`,
    problem: problems.has(title)
      ? problems.get(title)
      : (problem ?? 'was not tried'),
  }));
}

/** Notes the problem of each check, or that it has none, as it gets to them. */
async function measure(
  experiment: Experiment,
  { installation, entry, asked }: Options,
  problems: Map<string, string | undefined>,
): Promise<void> {
  const { engine, templates } = experiment;
  asked.throwIfAborted();
  const server =
    engine === 'PostgreSQL' ? await PostgresProcess.start() : undefined;
  const site = await StepSite.create(engine, templates, server);
  const run = experiment.run({
    site,
    server,
    createBackend: async scaffolder =>
      site.createBackend('backend', scaffolder, {
        config: PERMISSIONS,
        entry,
        installation,
        isBare: true,
      }),
    async check(title, holds) {
      problems.set(title, await problemOf(holds));
    },
  });
  try {
    await unlessAsked(run, asked);
  } finally {
    await site.remove();
    await server?.stop();
  }
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
