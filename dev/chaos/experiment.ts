import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../harness/waitFor';
import { check } from './checks/checks';
import { countInFlight, Dispatcher } from './tasks/Dispatcher';
import { FaultInjector } from './faults/FaultInjector';
import { faultKinds, planFaults } from './faults/faultPlan';
import { Random } from './random';
import { readRecords } from './evidence/records';
import { ChaosOptions, Outcome } from './report/outcome';
import { Retrier } from './tasks/Retrier';
import { CLEANING_MINUTES, KEEP_SECONDS, QUIET_MINUTES } from './settings';
import { ChaosSite } from './ChaosSite';
import { deleteLeftFiles } from './evidence/leftFiles';
import { FAULTS_OF_STORE } from './stores/storeFaults';
import { notStoredIn, waitsIn } from './evidence/logLines';

const QUIET_CHECKS = 3;

/** Keep the tasks and the retries apart from the faults: how many there were must not change which faults are drawn. */
const TASKS_SEED = 0x7a5c;
const RETRIES_SEED = 0x5e7a;

/**
 * Starts tasks and injects faults for a while, lets everything come to rest, and checks what happened.
 *
 * @param directory - where to leave what the outcome was made from
 */
export async function experiment(
  site: ChaosSite,
  options: ChaosOptions & { directory: string },
): Promise<Outcome> {
  const { minutes, seed, poison, store, directory } = options;
  const startedAt = Date.now();
  const log = (line: string) =>
    `${((Date.now() - startedAt) / 1000).toFixed(3).padStart(9)} s  ${line}`;
  const say = (line: string) => console.log(log(line));
  const faultLog: string[] = [];

  say('Starting three backends on one PostgreSQL');
  await site.open();
  const injector = new FaultInjector(site, line => faultLog.push(log(line)));
  const { knex, replicas } = site;
  const dispatcher = new Dispatcher({
    knex,
    replicas,
    random: new Random(seed + TASKS_SEED),
    poison,
  });
  const retrier = new Retrier({
    knex,
    replicas,
    random: new Random(seed + RETRIES_SEED),
  });
  const dispatching = dispatcher.run();
  const retrying = retrier.run();

  say(`Injecting faults for ${minutes} minutes`);
  const until = Date.now() + minutes * 60_000;
  const kinds = faultKinds(FAULTS_OF_STORE[store]);
  for (const planned of planFaults(new Random(seed), kinds)) {
    if (Date.now() + planned.afterMs > until) {
      break;
    }
    await sleep(planned.afterMs);
    while (!injector.inject(planned)) {
      await sleep(100);
    }
    const { length } = injector.faults;
    if (length % 10 === 0) {
      const ready = replicas.filter(r => r.isReady).length;
      const inFlight = (await countInFlight(knex)) ?? '?';
      say(
        `${length} faults, ${ready} backends up, ${inFlight} tasks in flight`,
      );
    }
  }

  say('No more faults; waiting for all tasks to end');
  await injector.settle();
  await dispatcher.close();
  await dispatching;
  await Promise.all(replicas.map(r => r.untilReady()));
  let quietChecks = 0;
  await waitFor(
    'all tasks to end, and their retries',
    async () => {
      const isQuiet = (await countInFlight(knex)) === 0 && !retrier.isBusy;
      quietChecks = isQuiet ? quietChecks + 1 : 0;
      // A retry of one that has just failed begins between two of them.
      return quietChecks === QUIET_CHECKS;
    },
    { timeoutMs: QUIET_MINUTES * 60_000, intervalMs: 500 },
  ).catch(error => say(String(error)));
  await retrier.close();
  await retrying;

  const endedAt = Date.now();
  say('Waiting for the files of all tasks to be deleted');
  // The last task that ended may have ended its process before.
  await Promise.all(replicas.map(r => r.untilReady()));
  const leftFiles = await deleteLeftFiles({
    knex,
    url: replicas[0].url,
    store: site.store,
    timeoutMs: KEEP_SECONDS * 1_000 + CLEANING_MINUTES * 60_000,
  });
  const records = await readRecords(knex, {
    signInExpiredAt: dispatcher.signInExpiredAt,
    retries: retrier.sent,
  });
  await site.site.closeBackends();
  const logs = await Promise.all(replicas.map(r => r.log()));
  const evidence = {
    ...records,
    journal: site.site.journal(),
    lifetimes: replicas.flatMap(r => r.lifetimes),
    faults: injector.faults,
    notStored: logs.flatMap(notStoredIn),
    leftFiles,
  };
  const waits = logs.flatMap(waitsIn);
  await fs.writeFile(path.join(directory, 'faults.log'), faultLog.join('\n'));
  await fs.writeFile(
    path.join(directory, 'evidence.json'),
    JSON.stringify({ startedAt, waits, ...evidence }),
  );
  say('Done');
  return {
    options,
    startedAt,
    endedAt,
    dispatchFailures: dispatcher.failures,
    evidence,
    waits,
    findings: check(evidence),
  };
}
