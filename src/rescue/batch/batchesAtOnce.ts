import { Knex } from 'knex';

/**
 * So that the database works while this process thinks. A third batch takes a tenth off the time for 10,000 tasks, a fourth one
 * twentieth more, a fifth nothing.
 */
const MOST_BATCHES = 4;

/**
 * How many batches of tasks are decided on at once. Each takes a connection, of a pool that the heartbeats of the tasks that run and
 * the scaffolder's requests share, so that half of the pool is left to them; a pool of one, as on SQLite, is taken in turns.
 */
export function batchesAtOnce(knex: Knex): number {
  const connections: number = knex.client.pool?.max ?? 1;
  return Math.min(Math.max(Math.floor(connections / 2), 1), MOST_BATCHES);
}
