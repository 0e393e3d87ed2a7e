/** The rows that a raw statement returned: an array on SQLite, and a property on PostgreSQL. */
export function insertedRows<T>(result: T[] | { rows: T[] }): T[] {
  return Array.isArray(result) ? result : result.rows;
}
