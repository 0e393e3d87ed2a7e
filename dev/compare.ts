/*
 * This module beside what the scaffolder has: the same faults in each way, on real backends and PostgreSQL, with a release of the
 * scaffolder that is installed in a folder of its own. Writes the matrix to docs/comparison.md and README.md. Exits with 1 if this
 * module fails a row, or if something could not be measured.
 */
import { compare } from './compare/compare';
import { SCENARIOS } from './compare/scenarios';
import { WAYS } from './compare/ways';
import { runCommand, select } from './harness/command/runCommand';
import { RELEASES } from './harness/release/releases';

const VERSIONS = RELEASES.map(r => r.version);

void runCommand({
  name: 'compare',
  usage: `npm run compare -- [--rows 2,5] [--ways default,module] [--release VERSION]

  --rows     some of the rows only, and write nothing: ${SCENARIOS.map(s => s.id).join()}
  --ways     some of the ways only, and write nothing: ${WAYS.map(w => w.name).join()}
  --release  the release of the scaffolder, and write nothing: ${VERSIONS.join()} (default: the newest of these)`,
  options: {
    rows: { type: 'string' },
    ways: { type: 'string' },
    release: { type: 'string' },
  },
  async run({ rows, ways, release }, context) {
    const releases = select('--release', release, RELEASES, r => r.version);
    return compare(
      {
        release: releases.at(-1)!,
        scenarios: select('--rows', rows, SCENARIOS, s => s.id),
        ways: select('--ways', ways, WAYS, w => w.name),
        isComplete: !rows && !ways && !release,
      },
      context,
    );
  },
});
