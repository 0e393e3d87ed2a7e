import fs from 'node:fs/promises';
import path from 'node:path';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { replaceSection } from '../harness/command/replaceSection';
import { formatExtract, formatPage, formatRow, Result } from './report';
import { runScenario } from './runScenario';
import type { Scenario } from './scenario';
import { readVersions } from './versions';
import type { Way } from './ways';

const PAGE = path.resolve(__dirname, '../../docs/comparison.md');

/**
 * Measures, prints, and writes down what was measured if it is all there is.
 *
 * @param options.isComplete - whether this is all there is to compare, so that it may be written down
 * @param asked - that this process is to end
 * @returns whether this module does what a user would want in all rows
 * @throws NotMeasured
 */
export async function compare(
  options: { scenarios: Scenario[]; ways: Way[]; isComplete: boolean },
  asked: AbortSignal,
): Promise<boolean> {
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
    for (const batch of batchesOf(scenarios)) {
      const ids = batch.map(scenario => scenario.id).join(' and ');
      console.log(`${minutes().toFixed(1)} min: measuring row ${ids}`);
      // All come to their end before any failure is told, so that nothing is left running.
      const measured = await Promise.allSettled(
        batch.map(scenario => runScenario(scenario, { ways, servers, asked })),
      );
      batch.forEach((scenario, i) => {
        const cells = resultOf(measured[i]);
        rows.push({ scenario, cells });
        console.log(`\n${formatRow({ scenario, cells }, ways)}\n`);
      });
    }
    rows.sort(
      (a, b) => scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario),
    );
    const result = { ways, rows };
    if (isComplete) {
      const run = { versions, at, minutes: minutes() };
      await fs.writeFile(PAGE, formatPage(result, run));
      const extract = formatExtract(result, versions);
      await replaceSection('README.md', 'compare', extract);
      console.log('Written to docs/comparison.md and README.md.');
    }
    console.log(`Took ${minutes().toFixed(1)} minutes.`);
    const module = ways.findIndex(w => w.name === 'module');
    return module < 0 || rows.every(row => row.cells[module].ok);
  } finally {
    await Promise.all([...servers.values()].map(s => s.stop()));
  }
}

function resultOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') {
    throw settled.reason;
  }
  return settled.value;
}

/** Two rows at a time, which mostly wait. That is ten backends, or a few more. */
function batchesOf(scenarios: Scenario[]): Scenario[][] {
  const together = scenarios.filter(s => !s.alone);
  const batches = scenarios.filter(s => s.alone).map(s => [s]);
  for (let i = 0; i < together.length; i += 2) {
    batches.push(together.slice(i, i + 2));
  }
  return batches;
}
