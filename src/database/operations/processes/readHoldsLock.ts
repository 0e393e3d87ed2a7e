import { Knex } from 'knex';
import { DbProcessRow, PROCESSES } from '../../tables';

/** Reads what is stored of a process: whether it holds its lock. Nothing if it has no row. */
export async function readHoldsLock(
  knex: Knex,
  number: number,
): Promise<boolean | undefined> {
  const row = await knex<DbProcessRow>(PROCESSES)
    .where({ number })
    .first('holds_lock');
  return row && Boolean(row.holds_lock);
}
