import { Knex } from 'knex';
import { DbProcessRow, PROCESSES } from '../../tables';
import { secondsSinceServerStart } from '../server/secondsSinceServerStart';
import { listHeldLocks } from './locks';

/**
 * Lists the processes that hold their lock for as long as they live, and whose lock is not held. On PostgreSQL only.
 *
 * The locks are read last: a process stores that it holds its lock when it does.
 *
 * @param options.settlingSeconds - a server that was started less than that ago is one that all sessions have yet to come back to
 */
export async function listUnlockedProcesses(
  knex: Knex,
  options: { settlingSeconds: number },
): Promise<number[]> {
  const numbers: number[] = await knex<DbProcessRow>(PROCESSES)
    .where('holds_lock', true)
    .pluck('number');
  if (
    numbers.length === 0 ||
    (await secondsSinceServerStart(knex)) < options.settlingSeconds
  ) {
    return [];
  }
  const held = await listHeldLocks(knex);
  return numbers.filter(number => !held.has(number));
}
