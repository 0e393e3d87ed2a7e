import { LoggerService } from '@backstage/backend-plugin-api';
import path from 'node:path';
import fs from 'node:fs/promises';
import os from 'node:os';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { S3Process } from '../../harness/s3/S3Process';
import { TEST_BUCKET } from '../../harness/S3Server';
import { Databases } from '../Databases';
import { formatMs, formatRatio, Report, Row } from '../report';
import { runInProcess } from '../runInProcess';
import { Cost, measureSample, SampleCosts } from './measureSample';
import type { EngineUse, Order } from './engineProcess';
import { Sample, SAMPLES } from './sampleWorkspaces';
import { untilFilesAreQuick } from './untilFilesAreQuick';

/** What is accepted, by sample: how many times faster a later step is, and how many times less WAL it writes. */
const ACCEPTED: Record<string, { faster: number; lessWal: number }> = {
  '40 files': { faster: 4, lessWal: 20 },
  '700 files': { faster: 12, lessWal: 150 },
  '6,000': { faster: 25, lessWal: 300 },
  '30,000': { faster: 40, lessWal: 300 },
};
const RESTORE_FASTER: Record<string, number> = { '700 files': 3 };

/** A later step beside looking at each file. Below this number of files, it is the database that takes the time. */
const MAX_SCANS = 2;
const SCANS_FROM = 5_000;

/** Where the content is stored that is measured. */
export const BENCH_STORES = ['database', 'directory', 's3'] as const;
export type BenchStore = (typeof BENCH_STORES)[number];

const ENGINE_PROCESS = path.join(__dirname, 'engineProcess.ts');

const MAX_HELD_MS = 30;
const MAX_MEMORY_MB = 150;

/**
 * What snapshots of workspaces cost beside the scaffolder's provider `database`, which writes all files into one row each time.
 */
export async function measureWorkspaces(
  databases: Databases,
  logger: LoggerService,
  options: { large: boolean; store: BenchStore },
): Promise<Report> {
  const rows: Row[] = [];
  const waited = await untilFilesAreQuick();
  const { entry, remove } = await createStoreEntry(options.store);
  for (const sample of SAMPLES.filter(s => options.large || !s.isLarge)) {
    await databases.create('plain');
    const knex = await databases.copyWithModule('plain', 'workspaces');
    const costs = await measureSample(knex, sample, entry, logger);
    const order: Order = {
      connection: databases.connectionTo('workspaces'),
      sample,
      entry,
    };
    const use = await runInProcess<EngineUse>(ENGINE_PROCESS, order);
    rows.push(...rowsOf(sample, costs), ...useRows(sample, use));
    await databases.drop('plain', 'workspaces');
  }
  await remove();
  return {
    title: `(workspace) Snapshots of workspaces, stored in the ${options.store}`,
    notes: [
      'Beside the provider of @backstage/plugin-scaffolder-backend-module-workspace-database, without its limit of 50 MB.',
      'Same files, same database, in turns; medians. WAL: what PostgreSQL wrote to its log.',
      'Held: how long the event loop was, at most, in a process that does nothing else; and what memory that took.',
      options.large ? '' : 'Two larger workspaces with --large.',
      waited,
    ],
    compared: ['module', 'built-in'],
    rows,
  };
}

async function createStoreEntry(
  store: BenchStore,
): Promise<{ entry: StoreEntry; remove(): Promise<void> }> {
  if (store === 'database') {
    return { entry: { type: store }, remove: async () => {} };
  }
  if (store === 's3') {
    const server = await S3Process.start();
    const entry: StoreEntry = {
      type: store,
      bucket: TEST_BUCKET,
      prefix: 'bench',
      endpoint: server.endpoint,
      forcePathStyle: true,
    };
    return { entry, remove: () => server.stop() };
  }
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'bench-store-'));
  return {
    entry: { type: store, path: root },
    remove: () => fs.rm(root, { recursive: true }),
  };
}

function rowsOf(sample: Sample, costs: SampleCosts): Row[] {
  const { name, files } = sample;
  const { faster, lessWal } = ACCEPTED[name];
  const { engine, builtIn } = costs.restore;
  const later = costs.later['1 % changed'].engine.ms;
  const scanMs = costs.scanMs['1 % changed'];
  return [
    timeRow(`${name}: first`, costs.first.engine, costs.first.builtIn, 1),
    ...Object.entries(costs.later).flatMap(
      ([edit, { engine: e, builtIn: b }]) => [
        timeRow(`${name}: ${edit}`, e, b, faster),
        walRow(`${name}: ${edit}, WAL`, e, b, lessWal),
      ],
    ),
    {
      what: `${name}: 1 % changed, beside a scan`,
      module: formatMs(later),
      builtIn: `scan ${formatMs(scanMs)}`,
      ratio: formatRatio(later / scanMs),
      ...(files > SCANS_FROM && {
        accepted: `at most ${MAX_SCANS}`,
        ok: later <= MAX_SCANS * scanMs,
      }),
    },
    builtIn
      ? timeRow(`${name}: restore`, engine, builtIn, RESTORE_FASTER[name])
      : {
          what: `${name}: restore`,
          module: formatMs(engine.ms),
          builtIn: 'crashes',
          ratio: '-',
        },
  ];
}

function timeRow(
  what: string,
  engine: Cost,
  builtIn: Cost,
  faster?: number,
): Row {
  const ratio = builtIn.ms / engine.ms;
  return {
    what,
    module: formatMs(engine.ms),
    builtIn: formatMs(builtIn.ms),
    ratio: `${ratio.toFixed(1)}x`,
    ...(faster && { accepted: `${faster}x faster`, ok: ratio >= faster }),
  };
}

function walRow(what: string, engine: Cost, builtIn: Cost, less: number): Row {
  const ratio = builtIn.walBytes / engine.walBytes;
  return {
    what,
    module: formatKb(engine.walBytes),
    builtIn: formatKb(builtIn.walBytes),
    ratio: `${ratio.toFixed(0)}x`,
    accepted: `${less}x less`,
    ok: ratio >= less,
  };
}

function useRows(
  { name }: Sample,
  { memory: { idle, peak }, heldMs }: EngineUse,
): Row[] {
  const mb = (peak - idle) / 1e6;
  return [
    {
      what: `${name}: held`,
      module: formatMs(heldMs),
      builtIn: '-',
      ratio: '-',
      accepted: `at most ${MAX_HELD_MS} ms`,
      ok: heldMs <= MAX_HELD_MS,
    },
    {
      what: `${name}: memory added`,
      module: `${mb.toFixed(0)} MB`,
      builtIn: '-',
      ratio: '-',
      accepted: `at most ${MAX_MEMORY_MB} MB`,
      ok: mb <= MAX_MEMORY_MB,
    },
  ];
}

function formatKb(bytes: number): string {
  return `${(bytes / 1e3).toFixed(1)} KB`;
}
