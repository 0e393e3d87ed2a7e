import { Knex } from 'knex';
import { DeadProcesses } from '../../database/operations/interrupted/interrupted';
import { listProcesses } from '../../database/operations/processes/listProcesses';
import { listUnlockedProcesses } from '../../database/operations/processes/listUnlockedProcesses';
import { ProcessIdentity } from '../../database/operations/processes/saveProcess';
import { isSqlite } from '../../database/time';
import { SETTLING_SECONDS } from '../Settling';
import { isGone } from './thisProcess';

/**
 * Finds the processes that do not live any more. On PostgreSQL a process holds a lock for as long as it lives. On SQLite all processes
 * are on one host, where it shows which process ids are gone.
 *
 * Asked again in the transaction that decides: a process may have taken its lock again.
 */
export async function findDeadProcesses(
  knex: Knex,
  here: Pick<ProcessIdentity, 'host'>,
): Promise<DeadProcesses> {
  if (!isSqlite(knex)) {
    const settlingSeconds = SETTLING_SECONDS;
    const numbers = await listUnlockedProcesses(knex, { settlingSeconds });
    return { numbers, knownBy: 'lock' };
  }
  const processes = await listProcesses(knex, { oldSeconds: 0 });
  const gone = processes.filter(
    ({ host, pid, started }) => host === here.host && isGone(pid, started),
  );
  return { numbers: gone.map(({ number }) => number), knownBy: 'pid' };
}
