import { Knex } from 'knex';
import { DbStrategyRow, STRATEGIES } from '../../tables';

/** The recovery strategy that is remembered of a task, if any is. */
export async function readStrategy(
  knex: Knex,
  taskId: string,
): Promise<string | undefined> {
  const row = await knex<DbStrategyRow>(STRATEGIES)
    .where('task_id', taskId)
    .first('strategy');
  return row?.strategy;
}
