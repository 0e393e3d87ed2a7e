import {
  isMainThread,
  MessagePort,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { displayPath } from '../engine/tree/bytePath';
import { Engine, RunPlace } from '../engine/Engine';
import { Limits, Snapshot } from '../engine/takeSnapshot';
import { Channel } from './Channel';

/** Tells this file, when it runs as a thread, that it was started by itself. */
const PURPOSE = 'backstage-recovery-workspaces';

/** Starts this file as a thread. */
export function startWorker(): Worker {
  return new Worker(__filename, {
    workerData: { purpose: PURPOSE },
    // V8 takes the memory that it is allowed before it collects garbage. A snapshot and a restore of 30,000 files (500 MB) added 135 to 175 MB
    // to the process without the second limit, and 105 to 113 MB with it. With 3 as the first limit a later step took a third longer in one run.
    resourceLimits: {
      maxYoungGenerationSizeMb: 8,
      maxOldGenerationSizeMb: 1_500,
    },
    // Run from its sources, as the tests do it, it needs what translates TypeScript.
    ...(__filename.endsWith('.ts') && {
      execArgv: [
        '--require',
        require.resolve('@backstage/cli/config/nodeTransform.cjs'),
      ],
    }),
  });
}

/** What the main thread may call. */
export type EngineCalls = {
  restore(run: RunPlace & { from?: number }): Promise<void>;
  /** @returns the snapshot, and its manifest in parts that fit into a row. */
  take(run: RunPlace & { limits: Limits }): Promise<[TakenSnapshot, Parts]>;
  settle(taskId: string, number: number | undefined): Promise<void>;
  skip(taskId: string, number: number): Promise<void>;
  drop(taskId: string): Promise<void>;
};

/** With paths for people to read. */
export type TakenSnapshot = Omit<
  Snapshot,
  'next' | 'manifest' | 'skipped' | 'missingAt'
> & {
  skipped: string[];
  missingAt?: string;
};

type Parts = Uint8Array<ArrayBuffer>[];

const PART_BYTES = 1024 * 1024;

/** Each part has memory of its own, so that it can be moved. */
function split(manifest: Buffer): Parts {
  const parts: Parts = [];
  for (let at = 0; at < manifest.length; at += PART_BYTES) {
    parts.push(new Uint8Array(manifest.subarray(at, at + PART_BYTES)));
  }
  return parts;
}

function serveEngine(port: MessagePort): void {
  const channel = new Channel(port);
  const engine = new Engine({
    putPack: (...args) => channel.call('putPack', args),
    getPack: (...args) => channel.call('getPack', args),
    readManifests: (...args) => channel.call('readManifests', args),
  });
  const calls: EngineCalls = {
    restore: run => engine.restore(run),
    take: async run => {
      const { manifest, skipped, missingAt, ...rest } = await engine.take(run);
      const snapshot = {
        ...rest,
        skipped: skipped.map(displayPath),
        missingAt: missingAt && displayPath(missingAt),
      };
      return [snapshot, manifest ? split(manifest) : []];
    },
    settle: async (taskId, number) => engine.settle(taskId, number),
    skip: async (taskId, number) => engine.skip(taskId, number),
    drop: async taskId => engine.drop(taskId),
  };
  channel.serve(calls);
}

if (!isMainThread && parentPort && workerData?.purpose === PURPOSE) {
  serveEngine(parentPort);
}
