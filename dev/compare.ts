/*
 * This module beside what the scaffolder has: the same faults in each way, on real backends and PostgreSQL. Writes the matrix
 * to docs/comparison.md and README.md. Exits with 1 if this module fails a row, or if something could not be measured.
 */
import { compare } from './compare/compare';
import { SCENARIOS } from './compare/scenarios';
import { WAYS } from './compare/ways';
import { runCommand, select } from './harness/command/runCommand';

void runCommand({
  name: 'compare',
  usage: `npm run compare -- [--rows 2,5] [--ways default,module]

  --rows  some of the rows only, and write nothing: ${SCENARIOS.map(s => s.id).join()}
  --ways  some of the ways only, and write nothing: ${WAYS.map(w => w.name).join()}`,
  options: { rows: { type: 'string' }, ways: { type: 'string' } },
  async run({ rows, ways }, { asked }) {
    return compare(
      {
        scenarios: select('--rows', rows, SCENARIOS, s => s.id),
        ways: select('--ways', ways, WAYS, w => w.name),
        isComplete: !rows && !ways,
      },
      asked,
    );
  },
});
