import { Knex } from 'knex';
import { ATTEMPTS } from '../../tables';
import { AttemptFilter, whereAttempt } from './listAttempts';

/** How many decisions of one kind there were. */
export type AttemptCount = {
  trigger: string;
  strategy: string | null;
  decision: string;
  outcome: string;
  count: number;
};

/** Counts decisions by trigger, strategy, decision and outcome. */
export async function summarizeAttempts(
  knex: Knex,
  filter: AttemptFilter,
): Promise<AttemptCount[]> {
  const columns = ['trigger', 'strategy', 'decision', 'outcome'];
  const rows = await knex(ATTEMPTS)
    .modify(whereAttempt, knex, filter)
    .groupBy(columns)
    .orderBy(columns)
    .select(columns)
    .count({ count: '*' });
  return rows.map((row: any) => ({ ...row, count: Number(row.count) }));
}
