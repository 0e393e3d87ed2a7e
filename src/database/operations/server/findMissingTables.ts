import { Knex } from 'knex';

/** `undefined_table` and `undefined_column`. */
const MISSING_CODES = ['42P01', '42703'];
/** `insufficient_privilege` */
const DENIED_CODE = '42501';
const MISSING_ON_SQLITE = /no such (table|column): .*/;

/**
 * Finds the tables that are not there, or not with all of their columns.
 *
 * @returns the error of the database for each of them, such as `relation "tasks" does not exist`.
 * @throws any other error of the database: no connection, or no permission (`isDenied`).
 */
export async function findMissingTables(
  knex: Knex,
  tables: Record<string, string[]>,
): Promise<string[]> {
  const missing: string[] = [];
  for (const [table, columns] of Object.entries(tables)) {
    try {
      await knex(table).select(columns).limit(0);
    } catch (error) {
      missing.push(`${table}: ${readMissing(error)}`);
    }
  }
  return missing;
}

/** Whether the database refused a statement since its user has not the right to it. SQLite has no such rights. */
export function isDenied(error: unknown): boolean {
  return (error as { code?: string }).code === DENIED_CODE;
}

/** What is missing by the error of the database, without the statement that knex puts in front of it. */
function readMissing(error: any): string {
  const message = String(error.message);
  const onSqlite = MISSING_ON_SQLITE.exec(message);
  if (onSqlite) {
    return onSqlite[0];
  }
  if (MISSING_CODES.includes(error.code)) {
    return message.slice(message.lastIndexOf(' - ') + 3);
  }
  throw error;
}
