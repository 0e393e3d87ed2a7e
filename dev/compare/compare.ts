import { PostgresProcess } from '../harness/PostgresProcess';
import type { CompareOptions } from './options';
import { formatExtract, formatPage, formatRow, Result } from './report';
import { runScenario } from './runScenario';
import { readVersions } from './versions';
import type { Way } from './ways';
import { writeReport } from './writeReport';

/**
 * Measures, prints, and writes down what was measured if it is all there is.
 *
 * @returns whether this module does what a user would want in all rows
 * @throws NotMeasured
 */
export async function compare(options: CompareOptions): Promise<boolean> {
  const { scenarios, ways, isComplete } = options;
  const at = new Date();
  const minutes = () => (Date.now() - at.getTime()) / 60_000;
  const servers = new Map<Way, PostgresProcess>();
  try {
    for (const way of ways) {
      servers.set(way, await PostgresProcess.start());
    }
    const versions = await readVersions(servers.get(ways[0])!);
    const rows: Result['rows'] = [];
    for (const scenario of scenarios) {
      const cells = await runScenario(scenario, ways, servers);
      rows.push({ scenario, cells });
      console.log(`\n${formatRow({ scenario, cells }, ways)}`);
    }
    const result = { ways, rows };
    if (isComplete) {
      await writeReport(
        formatPage(result, { versions, at, minutes: minutes() }),
        formatExtract(result, versions),
      );
      console.log('Written to docs/comparison.md and README.md.');
    }
    console.log(`Took ${minutes().toFixed(1)} minutes.`);
    const module = ways.findIndex(w => w.name === 'module');
    return module < 0 || rows.every(row => row.cells[module].ok);
  } finally {
    await Promise.all([...servers.values()].map(s => s.stop()));
  }
}
