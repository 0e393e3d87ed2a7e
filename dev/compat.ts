/*
 * The packed module on releases of the scaffolder, each installed in a folder of its own: real backends, SQLite and PostgreSQL.
 * Exits with 1 if something does not work on one of them.
 *
 * `--release 4.2.0`, `--oldest` and `--newest` choose releases; unless given, all are tried. `--node <binary>` or
 * `--node-version 24` chooses another Node.js. `--write` puts the table into docs/compatibility.md.
 */
import { compat } from './compat/compat';
import { readOptions } from './compat/options';

/** Aborts when this process is asked to end, so that it ends what it started first. */
function listenForEnd(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort());
  }
  return controller.signal;
}

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    return (await compat(options, listenForEnd())) ? 0 : 1;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

void main().then(code => process.exit(code));
