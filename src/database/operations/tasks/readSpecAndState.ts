import { Knex } from 'knex';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';

/** Reads of a task what tells the steps of its next run, without the module's tables. Nothing if there is no such task. */
export async function readSpecAndState(
  knex: Knex,
  taskId: string,
): Promise<Pick<DbTaskRow, 'spec' | 'state'> | undefined> {
  return knex<DbTaskRow>(TASKS).where('id', taskId).first('spec', 'state');
}
