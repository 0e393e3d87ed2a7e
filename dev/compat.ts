/*
 * The packed module on releases of the scaffolder, each installed in a folder of its own: real backends, SQLite and PostgreSQL.
 * Exits with 1 if something does not work on one of them.
 */
import { compat } from './compat/compat';
import { RELEASES } from './harness/release/releases';
import { runCommand, select, UsageError } from './harness/command/runCommand';

const VERSIONS = RELEASES.map(r => r.version);

void runCommand({
  name: 'compat',
  usage: `npm run compat -- [--release VERSION]... [--oldest] [--newest] [--node FILE | --node-version RANGE] [--write]

  --release       try some releases only: ${VERSIONS.join()}. A new one goes into dev/harness/release/releases.ts
  --oldest        the oldest release
  --newest        the newest release
  --node          the Node.js to install and run with (default: this one)
  --node-version  the same, which npm brings, such as 24
  --write         put the table into docs/compatibility.md`,
  options: {
    release: { type: 'string', multiple: true, default: [] },
    oldest: { type: 'boolean', default: false },
    newest: { type: 'boolean', default: false },
    node: { type: 'string' },
    'node-version': { type: 'string' },
    write: { type: 'boolean', default: false },
  },
  async run(values, context) {
    const { node, 'node-version': range } = values;
    if (node !== undefined && range !== undefined) {
      throw new UsageError(
        `--node is ${node} and --node-version is ${range}; expected only one of them`,
      );
    }
    const wanted = [
      ...values.release,
      ...(values.oldest ? VERSIONS.slice(0, 1) : []),
      ...(values.newest ? VERSIONS.slice(-1) : []),
    ];
    const releases = select(
      '--release',
      wanted.length > 0 ? wanted : undefined,
      RELEASES,
      r => r.version,
    );
    const { write } = values;
    return compat({ releases, node, nodeRange: range, write }, context);
  },
});
