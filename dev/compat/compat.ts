import pLimit from 'p-limit';
import fs from 'node:fs/promises';
import path from 'node:path';
import { envOf, nodeBinary } from '../harness/command/nodeVersions';
import { packModule } from '../harness/prepare/packModule';
import { run } from '../harness/command/run';
import { CommandContext } from '../harness/command/runCommand';
import { Outcome } from './experiment';
import { Release } from '../harness/release/releases';
import { formatReport, Report, writeReport } from './report';
import { tryRelease } from './tryRelease';

/** Each is one backend, which takes a core while it starts, and mostly waits after that. */
const EXPERIMENTS_AT_ONCE = 3;

/**
 * Tries the module on releases of the scaffolder, prints what came of it, and writes it down if that was asked for.
 *
 * @param options.node - the Node.js to install and run with, if not this one
 * @param options.nodeRange - the version of one that npm is to bring for that
 * @param options.write - whether the table goes to docs/compatibility.md
 * @returns whether it works on all of them.
 */
export async function compat(
  options: {
    releases: Release[];
    node?: string;
    nodeRange?: string;
    write: boolean;
  },
  { directory: root, asked }: CommandContext,
): Promise<boolean> {
  const at = new Date();
  const makeFolder = async (name: string) => {
    const directory = path.join(root, name);
    await fs.mkdir(directory);
    return directory;
  };
  const node = options.nodeRange
    ? await nodeBinary(options.nodeRange, await makeFolder('node'))
    : (options.node ?? process.execPath);
  const nodeVersion = (
    await run(node, ['-p', 'process.versions.node'], {
      cwd: root,
      env: envOf(node),
    })
  ).trim();
  console.log(`Node.js ${nodeVersion}. Packing the module`);
  const tarball = packModule(await makeFolder('module'));
  const limit = pLimit(EXPERIMENTS_AT_ONCE);
  const releases = await Promise.all(
    options.releases.map(async release => {
      const { version } = release;
      const directory = await makeFolder(version);
      const outcomes = await tryRelease(release, {
        directory,
        tarball,
        node,
        nodeVersion,
        limit,
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
}
