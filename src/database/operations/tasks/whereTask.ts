import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';

/**
 * Which tasks are meant, as the scaffolder's permission rules express it: a column of `tasks` and the values that it may have,
 * and all, any or none of those (`TaskFilters` of @backstage/plugin-scaffolder-node 0.13.7).
 */
export type TaskCriteria =
  | { key: string; values?: string[] }
  | { allOf: TaskCriteria[] }
  | { anyOf: TaskCriteria[] }
  | { not: TaskCriteria };

/**
 * Keeps the tasks that are meant.
 *
 * The scaffolder's own translation (`parseFilter`, 4.2.0) is not used: it is private.
 */
export function whereTask(
  query: Knex.QueryBuilder,
  criteria: TaskCriteria,
): void {
  if ('allOf' in criteria) {
    for (const part of criteria.allOf) {
      query.andWhere(inner => whereTask(inner, part));
    }
  } else if ('anyOf' in criteria) {
    // None of nothing fits. Without this, everything would.
    query.whereRaw('1 = 0');
    for (const part of criteria.anyOf) {
      query.orWhere(inner => whereTask(inner, part));
    }
  } else if ('not' in criteria) {
    query.whereNot(inner => whereTask(inner, criteria.not));
  } else {
    const values = criteria.values ?? [];
    // A task without a value fits no criterion, and so it does fit the opposite. In SQL alone it would fit neither.
    query
      .whereIn(`${TASKS}.${criteria.key}`, values)
      .whereNotNull(`${TASKS}.${criteria.key}`);
  }
}
