import { Knex } from 'knex';
import { deleteProcesses } from '../../database/operations/processes/deleteProcesses';
import { listProcesses } from '../../database/operations/processes/listProcesses';
import { listHeldLocks } from '../../database/operations/processes/locks';
import { ProcessIdentity } from '../../database/operations/processes/saveProcess';
import { isSqlite } from '../../database/time';
import { findDeadProcesses } from './findDeadProcesses';
import { isGone } from './thisProcess';

/** The row of a process of which nothing can be known is kept for a day. One that lives makes a new one. */
const OLD_SECONDS = 86_400;

/** Removes the rows of processes that are dead, or may be, and that no task in flight needs. */
export async function pruneProcesses(
  knex: Knex,
  here: Pick<ProcessIdentity, 'host'>,
): Promise<void> {
  const processes = await listProcesses(knex, { oldSeconds: OLD_SECONDS });
  // Mostly only this one.
  if (processes.length <= 1) {
    return;
  }
  const dead = await findDeadProcesses(knex, here);
  const held = isSqlite(knex) ? undefined : await listHeldLocks(knex);
  const isAlive = (process: (typeof processes)[number]) =>
    held
      ? held.has(process.number)
      : process.host === here.host && !isGone(process.pid, process.started);
  const old = processes.filter(p => p.isOld && !isAlive(p));
  await deleteProcesses(knex, [
    ...new Set([...dead.numbers, ...old.map(({ number }) => number)]),
  ]);
}
