import { Knex } from 'knex';
import { DbProcessRow, PROCESSES } from '../../tables';

/** A process that runs tasks, as its operating system knows it. */
export type ProcessIdentity = Pick<DbProcessRow, 'host' | 'pid' | 'started'>;

/**
 * Stores the row of a process, or whether it holds its lock if the row is there.
 *
 * @returns false if another process has that number.
 */
export async function saveProcess(
  knex: Knex,
  process: ProcessIdentity & { number: number; holdsLock: boolean },
): Promise<boolean> {
  const { number, host, pid, started, holdsLock } = process;
  const saved = await knex<DbProcessRow>(PROCESSES)
    .insert({ number, host, pid, started, holds_lock: holdsLock })
    .onConflict('number')
    .merge(['holds_lock'])
    .whereRaw(
      `${PROCESSES}.host = ? and ${PROCESSES}.pid = ? and coalesce(${PROCESSES}.started, '') = ?`,
      [host, pid, started ?? ''],
    )
    .returning('number');
  return saved.length === 1;
}
