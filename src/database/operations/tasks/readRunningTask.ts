import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';
import {
  InterruptedTaskRow,
  readForDecision,
  selectForDecision,
} from '../interrupted/selectForDecision';

/** Reads what a decision on a task would be made from if it were interrupted now. Nothing if it does not run. */
export async function readRunningTask(
  knex: Knex,
  taskId: string,
): Promise<InterruptedTaskRow | undefined> {
  const rows = await selectForDecision(knex).where({
    [`${TASKS}.id`]: taskId,
    [`${TASKS}.status`]: 'processing',
  });
  return rows.map((row: any) => readForDecision(row))[0];
}
