import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresProcess } from '../harness/PostgresProcess';
import { ComparedSite } from './ComparedSite';
import type { Cell, Scenario } from './scenario';
import { CELL_LIMIT_SECONDS } from './settings';
import type { Way } from './ways';

/** A cell could not be measured. It says nothing about the way. */
export class NotMeasured extends Error {}

/**
 * Measures all ways in one scenario at the same time. So they have the same load on the machine.
 *
 * @param servers - a PostgreSQL server for each way, since a scenario may take it away
 * @throws NotMeasured
 */
export async function runScenario(
  scenario: Scenario,
  ways: Way[],
  servers: Map<Way, PostgresProcess>,
): Promise<Cell[]> {
  const results = await Promise.allSettled(
    ways.map(way => measure(scenario, way, servers.get(way)!)),
  );
  return results.map((result, i) => {
    if (result.status === 'rejected') {
      throw new NotMeasured(
        `Row ${scenario.id}, ${ways[i].name}: ${
          result.reason?.stack ?? result.reason
        }`,
      );
    }
    return result.value;
  });
}

async function measure(
  scenario: Scenario,
  way: Way,
  server: PostgresProcess,
): Promise<Cell> {
  const site = await ComparedSite.create(way, server);
  const ended = new AbortController();
  try {
    return await Promise.race([
      scenario.run(site, way),
      sleep(CELL_LIMIT_SECONDS * 1000, undefined, {
        signal: ended.signal,
      }).then(() => {
        throw new Error(`hangs for ${CELL_LIMIT_SECONDS} s`);
      }),
    ]);
  } finally {
    ended.abort();
    await site.remove();
  }
}
