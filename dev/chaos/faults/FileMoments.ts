import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { MANIFESTS, PACKS } from '../../../src/database/tables';
import { REPLICAS } from '../settings';

/** A statement that the module is at while it stores, restores or deletes the files of a task. */
export type FileMoment = { name: string; table: string; statement: string };

/** In each of them something is done already, and the rest is not. */
export const FILE_MOMENTS: FileMoment[] = [
  { name: 'storing content', table: PACKS, statement: 'insert' },
  // Within the transaction of the snapshot's row.
  { name: 'storing a manifest', table: MANIFESTS, statement: 'insert' },
  {
    name: 'reading a manifest',
    table: MANIFESTS,
    statement: 'select "content"',
  },
  { name: 'reading content', table: PACKS, statement: 'select "content"' },
  { name: 'deleting manifests', table: MANIFESTS, statement: 'delete' },
  // The rows of the snapshots are gone then.
  {
    name: 'listing content to delete',
    table: PACKS,
    statement: 'select "pack"',
  },
];

/** A backend that is held in a moment. */
export type HeldBackend = {
  replica: string;
  /** The server's process for its connection. */
  pid: number;
};

const POLL_MS = 5;

/** A statement that waits for longer would hold up what else its backend does. */
const HOLD_MS = 2_000;

/**
 * Waits until a backend comes to a moment, and holds it there while something is done to it. For that it locks the table, so that whoever
 * comes next waits, and shows in `pg_stat_activity`. Those that come for something else are let go at once.
 *
 * @param timeoutMs - how long to wait for one
 * @returns whether one came. PostgreSQL may be away meanwhile; then it waits on.
 */
export async function holdAt(
  knex: Knex,
  moment: FileMoment,
  timeoutMs: number,
  hit: (held: HeldBackend) => Promise<void>,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (await holdOnce(knex, moment, deadline, hit)) {
      return true;
    }
    await sleep(POLL_MS);
  }
  return false;
}

async function holdOnce(
  knex: Knex,
  { table, statement }: FileMoment,
  deadline: number,
  hit: (held: HeldBackend) => Promise<void>,
): Promise<boolean> {
  let hitting: Promise<void> | undefined;
  await knex
    .transaction(async tx => {
      await tx.raw(`set local lock_timeout = ${HOLD_MS}`);
      await tx.raw('lock table ?? in access exclusive mode', [table]);
      while (Date.now() < deadline) {
        const waiting = await listWaiting(knex, table);
        const held = waiting.find(w => w.query.startsWith(statement));
        if (held) {
          hitting = hit(held);
          await Promise.race([
            hitting,
            sleep(HOLD_MS, undefined, { ref: false }),
          ]);
        }
        if (waiting.length > 0) {
          return;
        }
        await sleep(POLL_MS);
      }
    })
    // PostgreSQL may be away, by this very fault.
    .catch(() => {});
  await hitting;
  return hitting !== undefined;
}

/**
 * The backends whose statement waits for a lock on a table. Not to be asked within a transaction: all that one sees of this view is as it
 * was when it looked first.
 */
async function listWaiting(
  knex: Knex,
  table: string,
): Promise<(HeldBackend & { query: string })[]> {
  return knex('pg_stat_activity')
    .join('pg_locks', 'pg_locks.pid', 'pg_stat_activity.pid')
    .where({ granted: false, relation: knex.raw('?::regclass', [table]) })
    .whereIn('application_name', REPLICAS)
    .select({
      replica: 'application_name',
      pid: 'pg_stat_activity.pid',
      query: 'query',
    });
}
