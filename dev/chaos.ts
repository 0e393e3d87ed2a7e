/*
 * Kills, stops and cuts off backends and PostgreSQL at random while tasks run on them, and then checks by journals outside
 * the database that each task was treated as its template asked. Exits with 1 if anything differs.
 */
import { randomInt } from 'node:crypto';
import { ChaosSite } from './chaos/ChaosSite';
import { experiment } from './chaos/experiment';
import { Metrics } from './chaos/metrics/Metrics';
import { StoreName, STORES } from './chaos/stores/storeFaults';
import { formatReport } from './chaos/report/report';
import {
  runCommand,
  select,
  unlessAsked,
  UsageError,
} from './harness/command/runCommand';

/** @throws UsageError */
function readMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && Number.isFinite(minutes))) {
    throw new UsageError(`--minutes is '${text}'; expected a number above 0`);
  }
  return minutes;
}

/** @throws UsageError */
function readSeed(text: string): number {
  const seed = Number(text);
  if (text === '' || !(seed >= 0 && seed === seed >>> 0)) {
    throw new UsageError(
      `--seed is '${text}'; expected a whole number from 0 to 4294967295`,
    );
  }
  return seed;
}

/** @throws UsageError */
function readStore(text: string): StoreName {
  return select('--store', text, STORES, name => name)[0];
}

void runCommand({
  name: 'chaos',
  usage: `npm run chaos -- [--minutes N] [--seed S] [--store NAME] [--encrypted] [--no-poison] [--keep] [--metrics]

  --minutes N  how long faults are injected, a number above 0 (default 20)
  --seed S     what the faults and tasks are drawn from, a whole number from 0 to 4294967295 (default: a random one)
  --store NAME where the files of tasks are stored: ${STORES.join()} (default: database). The others are disturbed as well
  --encrypted  encrypt them
  --no-poison  let no task end its process (by default one of 25 does, and others may wait while it has its last recovery)
  --keep       keep the folder with the journals, the backends' logs, the database rows and the metrics
  --metrics    let a Prometheus scrape the backends, hold its counts against the database, and ask it for all panels of docs/dashboard.json`,
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    store: { type: 'string', default: 'database' },
    encrypted: { type: 'boolean', default: false },
    'no-poison': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    metrics: { type: 'boolean', default: false },
  },
  async run(values, { directory, asked, keepDirectory }) {
    const options = {
      minutes: readMinutes(values.minutes),
      seed: readSeed(values.seed),
      poison: !values['no-poison'],
      store: readStore(values.store),
      isEncrypted: values.encrypted,
    };
    console.log(`Seed ${options.seed}`);
    const keep = () => {
      keepDirectory();
      console.log(`Journals, logs and database rows are in ${directory}`);
    };
    let metrics: Metrics | undefined;
    let site: ChaosSite | undefined;
    try {
      metrics = values.metrics ? await Metrics.start(directory) : undefined;
      site = await ChaosSite.create({
        ...options,
        directory,
        metricsPorts: metrics?.ports,
      });
      const outcome = await unlessAsked(
        experiment(site, { ...options, directory }),
        asked,
      );
      console.log(`\n${formatReport(outcome)}\n`);
      if (metrics) {
        console.log(`${await metrics.report(outcome)}\n`);
      }
      const isWell = outcome.findings.violations.length === 0;
      if (values.keep || !isWell) {
        keep();
      }
      return isWell;
    } catch (error) {
      if (!asked.aborted || values.keep) {
        keep();
      }
      throw error;
    } finally {
      await site?.close();
      await metrics?.stop();
    }
  },
});
