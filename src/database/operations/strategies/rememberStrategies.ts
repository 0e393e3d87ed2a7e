import { Knex } from 'knex';
import { storable } from '../../dialect/storable';
import { DbStrategyRow, STRATEGIES } from '../../tables';

/** What is remembered of a task. */
export type NewStrategy = Omit<DbStrategyRow, 'max_attempts'> &
  Partial<DbStrategyRow>;

/** Remembers the strategies of tasks. What is remembered already stays: it is what the task was started with. */
export async function rememberStrategies(
  knex: Knex,
  rows: NewStrategy[],
): Promise<void> {
  if (rows.length === 0) {
    return;
  }
  await knex<DbStrategyRow>(STRATEGIES)
    .insert(
      rows.map(row => ({
        max_attempts: null,
        ...row,
        remark: storable(row.remark),
      })),
    )
    .onConflict('task_id')
    .ignore();
}
