import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { nodeBinary } from '../harness/nodeVersions';
import { packModule } from '../harness/packModule';
import { Outcome } from './experiment';
import { CompatOptions } from './options';
import { formatReport, Report, writeReport } from './report';
import { run } from './run';
import { Slots } from './Slots';
import { tryRelease } from './tryRelease';

/** Each is one backend, which takes a core while it starts, and mostly waits after that. */
const EXPERIMENTS_AT_ONCE = 3;

/**
 * Tries the module on releases of the scaffolder, prints what came of it, and writes it down if that was asked for.
 *
 * @param asked - that this process is to end
 * @returns whether it works on all of them.
 */
export async function compat(
  options: CompatOptions,
  asked: AbortSignal,
): Promise<boolean> {
  const at = new Date();
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-compat-'));
  const makeFolder = async (name: string) => {
    const directory = path.join(root, name);
    await fs.mkdir(directory);
    return directory;
  };
  try {
    const node =
      'range' in options.node
        ? (await nodeBinary(options.node.range, await makeFolder('node')))
            .binary
        : options.node.binary;
    const nodeVersion = (
      await run([node, '-p', 'process.versions.node'], {
        directory: root,
        node,
      })
    ).trim();
    console.log(`Node.js ${nodeVersion}. Packing the module`);
    const tarball = packModule(await makeFolder('module'));
    const slots = new Slots(EXPERIMENTS_AT_ONCE);
    const releases = await Promise.all(
      options.releases.map(async release => {
        const { version } = release;
        const directory = await makeFolder(version);
        const outcomes = await tryRelease(release, {
          directory,
          tarball,
          node,
          nodeVersion,
          slots,
          asked,
        }).catch((error): Outcome[] => [
          { row: 'it can be tried', problem: String(error) },
        ]);
        return { version, outcomes };
      }),
    );
    asked.throwIfAborted();
    const report: Report = { nodeVersion, releases };
    console.log(`\n${formatReport(report)}\n`);
    if (options.write) {
      await writeReport(report, at);
    }
    const minutes = (Date.now() - at.getTime()) / 60_000;
    console.log(`Took ${minutes.toFixed(1)} minutes.`);
    return report.releases.every(r => r.outcomes.every(o => !o.problem));
  } finally {
    await fs.rm(root, { recursive: true, force: true });
  }
}
