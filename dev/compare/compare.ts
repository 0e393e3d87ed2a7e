import fs from 'node:fs/promises';
import path from 'node:path';
import pLimit from 'p-limit';
import { replaceSection } from '../harness/command/replaceSection';
import type { CommandContext } from '../harness/command/runCommand';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import type { Release } from '../harness/release/releases';
import { InstalledBackend } from './InstalledBackend';
import { formatExtract, formatPage, formatRow, Result } from './report/report';
import { Bench, runScenario } from './runScenario';
import type { Scenario } from './scenario';
import { readVersions } from './report/versions';
import type { Way } from './ways';

const PAGE = path.resolve(__dirname, '../../docs/comparison.md');

/** Of rows, which mostly wait. That is fifteen backends, or a few more. */
const AT_ONCE = 3;

/**
 * Measures, prints, and writes down what was measured if it is all there is.
 *
 * @param options.release - of the scaffolder, which is installed first
 * @param options.isComplete - whether this is all there is to compare, so that it may be written down
 * @returns whether this module does what a user would want in all rows
 * @throws NotMeasured
 */
export async function compare(
  options: {
    release: Release;
    scenarios: Scenario[];
    ways: Way[];
    isComplete: boolean;
  },
  { directory, asked }: CommandContext,
): Promise<boolean> {
  const { release, scenarios, ways, isComplete } = options;
  const at = new Date();
  const minutes = () => (Date.now() - at.getTime()) / 60_000;
  const say = (text: string) =>
    console.log(`${minutes().toFixed(1)} min: ${text}`);
  const servers = new Map<Way, PostgresProcess>();
  try {
    say(`installing the scaffolder ${release.version} and this module`);
    const installed = await InstalledBackend.create(release, directory);
    for (const way of ways) {
      servers.set(way, await PostgresProcess.start());
    }
    const versions = await readVersions(installed, servers.get(ways[0])!);
    const bench = { ways, servers, installed, asked };
    const result = { ways, rows: await measureRows(scenarios, bench, say) };
    if (isComplete) {
      const run = { versions, at, minutes: minutes() };
      await fs.writeFile(PAGE, formatPage(result, run));
      const extract = formatExtract(result, versions);
      await replaceSection('README.md', 'compare', extract);
      console.log('Written to docs/comparison.md and README.md.');
    }
    console.log(`Took ${minutes().toFixed(1)} minutes.`);
    const module = ways.findIndex(w => w.name === 'module');
    return module < 0 || result.rows.every(row => row.cells[module].ok);
  } finally {
    await Promise.all([...servers.values()].map(s => s.stop()));
  }
}

/** Measures the rows that need the machine for themselves, then the others, a few at a time. */
async function measureRows(
  scenarios: Scenario[],
  bench: Bench,
  say: (text: string) => void,
): Promise<Result['rows']> {
  const measure = async (scenario: Scenario) => {
    const startedAt = Date.now();
    say(`measuring row ${scenario.id}`);
    const row = { scenario, cells: await runScenario(scenario, bench) };
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
    say(`row ${scenario.id} took ${seconds} s`);
    console.log(`\n${formatRow(row, bench.ways)}\n`);
    return row;
  };
  const rows: Result['rows'] = [];
  for (const scenario of scenarios.filter(s => s.alone)) {
    rows.push(await measure(scenario));
  }
  const limit = pLimit(AT_ONCE);
  // All come to their end before any failure is told, so that nothing is left running.
  const measured = await Promise.allSettled(
    scenarios
      .filter(s => !s.alone)
      .map(scenario => limit(() => measure(scenario))),
  );
  for (const settled of measured) {
    if (settled.status === 'rejected') {
      throw settled.reason;
    }
    rows.push(settled.value);
  }
  return rows.sort(
    (a, b) => scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario),
  );
}
