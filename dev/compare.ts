/*
 * This module beside what the scaffolder has: the same faults in each way, on real backends and PostgreSQL. Writes the matrix
 * to docs/comparison.md and README.md. Exits with 1 if this module fails a row, or if something could not be measured.
 *
 * `--rows 2,5` and `--ways default,module` measure a part, and write nothing.
 */
import { compare } from './compare/compare';
import { readOptions } from './compare/options';

/** Aborts when this process is asked to end, so that it ends what it started first. */
function listenForEnd(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort());
  }
  return controller.signal;
}

async function run(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    return (await compare(options, listenForEnd())) ? 0 : 1;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

void run().then(code => process.exit(code));
