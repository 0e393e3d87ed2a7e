import { Knex } from 'knex';
import { ATTEMPTS } from '../tables';
import { AtIt, tasksAtIt } from './atIt';

/** Whether some task is still at it that was recovered at least so many times in a row without having got any further. */
export async function isAnyAtIt(
  tx: Knex.Transaction,
  { minSpent, ...atIt }: AtIt & { minSpent: number },
): Promise<boolean> {
  const task = await tasksAtIt(tx, atIt)
    .where(`${ATTEMPTS}.spent`, '>=', minSpent)
    .first(tx.raw('1 as found'));
  return task !== undefined;
}
