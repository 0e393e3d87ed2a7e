import { Knex } from 'knex';
import { DbProcessRow, PROCESSES } from '../../tables';
import { secondsAgo } from '../../time';

/** A process that has a row. */
type ListedProcess = Omit<DbProcessRow, 'holds_lock' | 'begun_at'> & {
  holdsLock: boolean;
  /** Its row was made at least so long ago as was asked for. */
  isOld: boolean;
};

/** Lists the processes that have a row. */
export async function listProcesses(
  knex: Knex,
  options: { oldSeconds: number },
): Promise<ListedProcess[]> {
  const rows = await knex(PROCESSES).select(
    ...['number', 'host', 'pid', 'started', 'holds_lock'],
    knex.raw('begun_at <= ? as is_old', secondsAgo(knex, options.oldSeconds)),
  );
  return rows.map(({ holds_lock, is_old, ...row }) => ({
    ...row,
    holdsLock: Boolean(holds_lock),
    isOld: Boolean(is_old),
  }));
}
