import { Knex } from 'knex';
import { CLAIMS, DbProcessRow, PROCESSES } from '../../tables';

/** Removes the rows of processes, of those that have no claim. A claim is kept until its task has ended or is claimed again. */
export async function deleteProcesses(
  knex: Knex,
  numbers: number[],
): Promise<void> {
  if (numbers.length === 0) {
    return;
  }
  await knex<DbProcessRow>(PROCESSES)
    .whereIn('number', numbers)
    .whereNotExists(
      knex(CLAIMS)
        .select(knex.raw('1'))
        .whereRaw(`${CLAIMS}.process = ${PROCESSES}.number`),
    )
    .delete();
}
