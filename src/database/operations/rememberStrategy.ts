import { Knex } from 'knex';
import { DbStrategyRow, STRATEGIES } from '../tables';

/** Remembers the strategy of a task. What is remembered already stays: it is what the task was started with. */
export async function rememberStrategy(
  knex: Knex,
  row: Omit<DbStrategyRow, 'max_attempts'> & Partial<DbStrategyRow>,
): Promise<void> {
  await knex<DbStrategyRow>(STRATEGIES)
    .insert(row)
    .onConflict('task_id')
    .ignore();
}
