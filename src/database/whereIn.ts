import { Knex } from 'knex';
import { isSqlite } from './time';

/**
 * Keeps rows of which a column has one of the given values. PostgreSQL gets them as one array: hundreds of bindings take both sides
 * longer than all else about a statement.
 */
export function whereIn(
  query: Knex.QueryBuilder,
  knex: Knex,
  column: string,
  values: string[],
): void {
  if (isSqlite(knex)) {
    query.whereIn(column, values);
  } else {
    query.whereRaw('?? = any(?)', [column, values]);
  }
}
