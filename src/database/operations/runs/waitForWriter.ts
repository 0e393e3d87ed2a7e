import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';

/** Waits until a transaction that has changed a task, and may be that of a decision, has ended. SQLite has one writer at a time. */
export async function waitForWriter(knex: Knex, taskId: string): Promise<void> {
  await knex(TASKS).where({ id: taskId }).forShare().select('id');
}
