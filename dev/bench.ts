/*
 * What the module costs, beside what the scaffolder's own recovery costs on the same data in the same run. On a real
 * PostgreSQL server of its own. Exits with 1 if anything costs more than is accepted.
 */
import { measureCrash } from './bench/crash';
import { Databases } from './bench/Databases';
import { measureEncryption } from './bench/encryption';
import { FileLogger } from './bench/FileLogger';
import { measureHeartbeats } from './bench/passes/heartbeats';
import { measureIdlePass } from './bench/passes/idlePass';
import { measureMemory } from './bench/passes/memory';
import { measureRecovery } from './bench/passes/recovery';
import { isAccepted, printReport } from './bench/report';
import {
  BENCH_STORES,
  BenchStore,
  measureWorkspaces,
} from './bench/workspace/workspaces';
import { PostgresProcess } from './harness/postgres/PostgresProcess';
import { runCommand, select, unlessAsked } from './harness/command/runCommand';

const PARTS = {
  a: measureIdlePass,
  b: measureRecovery,
  c: measureHeartbeats,
  d: measureMemory,
  workspace: measureWorkspaces,
  encryption: measureEncryption,
  crash: measureCrash,
};
const NAMES = Object.keys(PARTS) as (keyof typeof PARTS)[];

/** It starts and kills real backends, which takes minutes. */
const ONLY_IF_NAMED = 'crash';

async function measure(
  parts: typeof NAMES,
  databases: Databases,
  options: { large: boolean; store: BenchStore },
): Promise<boolean> {
  const logger = new FileLogger();
  let accepted = true;
  for (const part of parts) {
    const report = await PARTS[part](databases, logger, options);
    printReport(report);
    accepted &&= isAccepted(report);
  }
  return accepted;
}

void runCommand({
  name: 'bench',
  usage: `npm run bench -- [--only a,workspace] [--large] [--store directory]

  --only   some parts only: ${NAMES.join()} (${ONLY_IF_NAMED} only if named; it kills real backends, which takes minutes)
  --large  workspaces of 120 and 500 MB as well, which takes minutes
  --store  where workspaces are stored: ${BENCH_STORES.join()}`,
  options: {
    only: { type: 'string' },
    large: { type: 'boolean', default: false },
    store: { type: 'string', default: 'database' },
  },
  async run({ only, large, store: named }, { asked }) {
    const [store] = select('--store', named, BENCH_STORES, name => name);
    const startedAt = Date.now();
    const parts = select('--only', only, NAMES, name => name).filter(
      name => only !== undefined || name !== ONLY_IF_NAMED,
    );
    const server = await PostgresProcess.start();
    const databases = new Databases(server);
    try {
      const accepted = await unlessAsked(
        measure(parts, databases, { large, store }),
        asked,
      );
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      console.log(
        `\n${accepted ? 'All is' : 'Not all is'} accepted. Took ${seconds} s.\n`,
      );
      return accepted;
    } finally {
      await databases.closeAll();
      await server.stop();
    }
  },
});
