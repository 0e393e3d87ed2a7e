import { LoggerService } from '@backstage/backend-plugin-api';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EncryptionKeys } from '../../src/workspace/encryption/EncryptionKeys';
import { Databases } from './Databases';
import { median, timeOf } from './measure';
import { formatMs, formatRatio, Report, Row } from './report';
import { EventLoop } from './workspace/EventLoop';
import { EDITS, Sample, SAMPLES } from './workspace/sampleWorkspaces';
import { storesOf } from './workspace/storesOf';
import { WorkspaceSite } from './workspace/WorkspaceSite';

/** More rounds than elsewhere: it is to tell a fifth from what else goes on in the machine. */
const LATER_STEPS = 40;
const RESTORES = 10;

/** What is accepted, by sample: how much longer a later step may take. */
const ACCEPTED: Record<string, number> = { '700 files': 1.2 };
const MAX_HELD_MS = 30;

const WAYS = ['encrypted', 'plain'] as const;
type Way = (typeof WAYS)[number];

/** Medians in ms. */
type Times = Record<Way, number>;

/** What it costs to encrypt the files of workspaces, with the database as their store. */
export async function measureEncryption(
  databases: Databases,
  logger: LoggerService,
  options: { large: boolean },
): Promise<Report> {
  const rows: Row[] = [];
  for (const sample of SAMPLES.filter(s => options.large || !s.isLarge)) {
    await databases.create('plain');
    const knex = await databases.copyWithModule('plain', 'encryption');
    const plain = storesOf(knex, { type: 'database' });
    const keys = new EncryptionKeys([randomBytes(32)]);
    const sites = {
      encrypted: await WorkspaceSite.create(
        knex,
        sample,
        plain.withKeys(keys),
        logger,
      ),
      plain: await WorkspaceSite.create(knex, sample, plain, logger),
    };
    rows.push(...(await measureSample(sample, sites)));
    await Promise.all(WAYS.map(way => sites[way].end()));
    await databases.drop('plain', 'encryption');
  }
  return {
    title: '(encryption) Snapshots of workspaces, encrypted',
    notes: [
      'Beside the same without a key, in turns; medians. Held: how long the event loop was, at most.',
      options.large ? '' : 'Two larger workspaces with --large.',
    ],
    compared: ['encrypted', 'plain'],
    rows,
  };
}

async function measureSample(
  sample: Sample,
  sites: Record<Way, WorkspaceSite>,
): Promise<Row[]> {
  const { name } = sample;
  const eventLoop = new EventLoop();
  const watch = (action: () => Promise<void>) =>
    timeOf(() => eventLoop.watch(action));

  // The thread has just started. Only looked at for how long it holds the event loop.
  await inTurns(1, way => watch(() => sites[way].take()));
  const later = await inTurns(LATER_STEPS, (way, round) => {
    EDITS['1 % changed'](sites[way].folder, round);
    return watch(() => sites[way].take());
  });
  const restored = await inTurns(RESTORES, async way => {
    const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'restored-'));
    const { restore, stop } = await sites[way].prepareRestore(parent);
    const ms = await watch(restore);
    await stop();
    return ms;
  });
  return [
    row(`${name}: 1 % changed`, later, ACCEPTED[name]),
    row(`${name}: restore`, restored),
    {
      what: `${name}: held`,
      module: formatMs(eventLoop.heldMs),
      builtIn: '-',
      ratio: '-',
      accepted: `at most ${MAX_HELD_MS} ms`,
      ok: eventLoop.heldMs <= MAX_HELD_MS,
    },
  ];
}

/** The order changes from round to round, so that what comes second has no advantage. */
async function inTurns(
  rounds: number,
  measure: (way: Way, round: number) => Promise<number>,
): Promise<Times> {
  const times: Record<Way, number[]> = { encrypted: [], plain: [] };
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? WAYS : [...WAYS].reverse()) {
      times[way].push(await measure(way, round));
    }
  }
  return { encrypted: median(times.encrypted), plain: median(times.plain) };
}

function row(what: string, { encrypted, plain }: Times, most?: number): Row {
  const ratio = encrypted / plain;
  return {
    what,
    module: formatMs(encrypted),
    builtIn: formatMs(plain),
    ratio: formatRatio(ratio),
    ...(most && { accepted: `at most ${most}`, ok: ratio <= most }),
  };
}
