/*
 * This module beside what the scaffolder has: the same faults, four ways, on real backends and PostgreSQL. Writes the matrix
 * to docs/comparison.md and README.md. Exits with 1 if this module fails a row, or if something could not be measured.
 *
 * `--rows 2,5` and `--ways default,module` measure a part, and write nothing.
 */
import { compare } from './compare/compare';
import { readOptions } from './compare/options';

async function run(): Promise<number> {
  try {
    return (await compare(readOptions(process.argv.slice(2)))) ? 0 : 1;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

void run().then(code => process.exit(code));
