import { storesOf } from './storesOf';
import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { median, timeOf } from '../measure';
import { BuiltInProvider } from './BuiltInProvider';
import { EDITS, Sample } from './sampleWorkspaces';
import { WorkspaceSite } from './WorkspaceSite';

/** What something took, of the engine and of the built-in provider. */
export type Cost = { ms: number; walBytes: number };
type Compared = { engine: Cost; builtIn: Cost };

export type SampleCosts = {
  first: Compared;
  /** By what was edited. */
  later: Record<string, Compared>;
  /** Of the engine alone if the built-in provider cannot. */
  restore: { engine: Cost; builtIn?: Cost };
  /** Of looking at each file, and nothing else, in ms, by what was edited before. */
  scanMs: Record<string, number>;
};

const ROUNDS = 10;

/** The more the smaller, whose ratios differ more. */
const SMALL_ROUNDS = 20;
const SMALL_FIRSTS = 10;

/** Of the built-in provider with a large workspace, for which each takes up to a minute. */
const LARGE_ROUNDS = 2;

/** node-postgres gets a row as text, and a text has at most 512 MB: the process crashes on a row of half of it. */
const MAX_RESTORED_BYTES = 200e6;

/** Collects what things took. */
class Costs {
  readonly #costs = new Map<string, Cost[]>();

  constructor(private readonly knex: Knex) {}

  async add(name: string, action: () => Promise<unknown>): Promise<void> {
    const before = await this.#walPosition();
    const ms = await timeOf(action);
    const { rows } = await this.knex.raw(
      'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), ?)::float8 as bytes',
      before,
    );
    const known = this.#costs.get(name) ?? [];
    known.push({ ms, walBytes: rows[0].bytes });
    this.#costs.set(name, known);
  }

  median(name: string): Cost {
    const costs = this.#costs.get(name)!;
    return {
      ms: median(costs.map(cost => cost.ms)),
      walBytes: median(costs.map(cost => cost.walBytes)),
    };
  }

  async #walPosition(): Promise<string> {
    const { rows } = await this.knex.raw(
      'select pg_current_wal_insert_lsn()::text as lsn',
    );
    return rows[0].lsn;
  }
}

/**
 * Measures both on the same files and database, in turns.
 *
 * Leaves all files where they are until the benchmark ends: an ext4 without a journal looks at each inode that was freed within the last minutes
 * before it makes a file (`recently_deleted` in fs/ext4/ialloc.c of Linux), which would cost ten times more than all the rest.
 */
export async function measureSample(
  knex: Knex,
  sample: Sample,
  entry: StoreEntry,
  logger: LoggerService,
): Promise<SampleCosts> {
  const rounds = sample.isLarge ? ROUNDS : SMALL_ROUNDS;
  const builtInRounds = sample.isLarge ? LARGE_ROUNDS : rounds;
  const builtIn = await BuiltInProvider.create(knex);
  const costs = new Costs(knex);

  for (let round = 0; round < (sample.isLarge ? 1 : SMALL_FIRSTS); round++) {
    const site = await WorkspaceSite.create(
      knex,
      sample,
      storesOf(knex, entry),
      logger,
    );
    const { taskId, folder } = site;
    await inTurns(round, [
      () => costs.add('first engine', () => site.take()),
      () =>
        costs.add('first builtIn', () =>
          builtIn.take(taskId, folder, sample.bytes),
        ),
    ]);
    await builtIn.forget(taskId);
    await site.end();
  }

  const site = await WorkspaceSite.create(
    knex,
    sample,
    storesOf(knex, entry),
    logger,
  );
  const { taskId, folder } = site;
  await site.take();
  await builtIn.take(taskId, folder, sample.bytes);
  const scanMs: Record<string, number> = {};
  for (const [name, edit] of Object.entries(EDITS)) {
    const scans: number[] = [];
    for (let round = 0; round < rounds; round++) {
      edit(folder, round);
      scans.push(await timeOf(async () => scan(folder)));
      await inTurns(round, [
        () => costs.add(`${name} engine`, () => site.take()),
        async () =>
          round < builtInRounds &&
          costs.add(`${name} builtIn`, () =>
            builtIn.take(taskId, folder, sample.bytes),
          ),
      ]);
    }
    scanMs[name] = median(scans);
  }

  const canRestore = sample.bytes < MAX_RESTORED_BYTES;
  for (let round = 0; round < (sample.isLarge ? 1 : 5); round++) {
    const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'restored-'));
    const { restore, stop } = await site.prepareRestore(parent);
    const target = path.join(parent, 'built-in');
    fs.mkdirSync(target);
    await inTurns(round, [
      () => costs.add('restore engine', restore),
      async () =>
        canRestore &&
        costs.add('restore builtIn', () =>
          builtIn.restore(taskId, target, sample.bytes),
        ),
    ]);
    await stop();
  }
  await builtIn.forget(taskId);
  await site.end();

  const compared = (name: string): Compared => ({
    engine: costs.median(`${name} engine`),
    builtIn: costs.median(`${name} builtIn`),
  });
  return {
    first: compared('first'),
    later: Object.fromEntries(
      Object.keys(EDITS).map(name => [name, compared(name)]),
    ),
    restore: canRestore
      ? compared('restore')
      : { engine: costs.median('restore engine') },
    scanMs,
  };
}

/** The order changes from round to round, so that what comes second has no advantage. */
async function inTurns(
  round: number,
  actions: (() => Promise<unknown>)[],
): Promise<void> {
  const ordered = round % 2 === 0 ? actions : [...actions].reverse();
  for (const action of ordered) {
    await action();
  }
}

/** Looks at each file as the engine has to. */
function scan(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const child = `${folder}/${entry.name}`;
    fs.lstatSync(child, { bigint: true });
    if (entry.isDirectory()) {
      scan(child);
    }
  }
}
