import { Knex } from 'knex';
import { DbProcessRow, PROCESSES } from '../../tables';
import { listHeldLocks } from './locks';

/**
 * Whether none of the processes that hold their lock for as long as they live holds it. On PostgreSQL only.
 *
 * @param options.atLeast - fewer processes than that say nothing
 */
export async function areAllUnlocked(
  knex: Knex,
  options: { atLeast: number },
): Promise<boolean> {
  const numbers: number[] = await knex<DbProcessRow>(PROCESSES)
    .where('holds_lock', true)
    .pluck('number');
  if (numbers.length < options.atLeast) {
    return false;
  }
  const held = await listHeldLocks(knex);
  return !numbers.some(number => held.has(number));
}
