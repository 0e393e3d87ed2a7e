import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { ComparedSite } from './ComparedSite';
import type { InstalledBackend } from './InstalledBackend';
import type { Cell, Scenario } from './scenario';
import { CELL_LIMIT_SECONDS } from './settings';
import type { Way } from './ways';

/** A cell could not be measured. It says nothing about the way. */
class NotMeasured extends Error {}

/** What all cells are measured with. */
export type Bench = {
  ways: Way[];
  /** A PostgreSQL server for each way, since a scenario may take it away. */
  servers: Map<Way, PostgresProcess>;
  installed: InstalledBackend;
  /** That this process is to end. */
  asked: AbortSignal;
};

/**
 * Measures all ways in one scenario at the same time. So they have the same load on the machine.
 *
 * @throws NotMeasured
 */
export async function runScenario(
  scenario: Scenario,
  bench: Bench,
): Promise<Cell[]> {
  const { ways } = bench;
  const results = await Promise.allSettled(
    ways.map(way => measure(scenario, way, bench)),
  );
  return results.map((result, i) => {
    if (result.status === 'rejected') {
      const reason = result.reason?.stack ?? result.reason;
      throw new NotMeasured(`Row ${scenario.id}, ${ways[i].name}: ${reason}`);
    }
    return result.value;
  });
}

async function measure(
  scenario: Scenario,
  way: Way,
  { servers, installed, asked }: Bench,
): Promise<Cell> {
  const site = await ComparedSite.create(way, servers.get(way)!, installed);
  const ended = new AbortController();
  const limit = async () => {
    const signal = AbortSignal.any([ended.signal, asked]);
    await sleep(CELL_LIMIT_SECONDS * 1000, undefined, { signal });
    throw new Error(`It takes longer than ${CELL_LIMIT_SECONDS} s`);
  };
  try {
    return await Promise.race([scenario.run(site, way), limit()]);
  } finally {
    ended.abort();
    await site.remove();
  }
}
