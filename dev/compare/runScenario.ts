import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { ComparedSite } from './ComparedSite';
import type { Cell, Scenario } from './scenario';
import { CELL_LIMIT_SECONDS } from './settings';
import type { Way } from './ways';

/** A cell could not be measured. It says nothing about the way. */
export class NotMeasured extends Error {}

/** What all cells are measured with. */
type Bench = {
  ways: Way[];
  /** A PostgreSQL server for each way, since a scenario may take it away. */
  servers: Map<Way, PostgresProcess>;
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
  { ways, servers, asked }: Bench,
): Promise<Cell[]> {
  const results = await Promise.allSettled(
    ways.map(way => measure(scenario, way, servers.get(way)!, asked)),
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
  server: PostgresProcess,
  asked: AbortSignal,
): Promise<Cell> {
  const site = await ComparedSite.create(way, server);
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
