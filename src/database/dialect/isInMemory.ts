import { Knex } from 'knex';
import { isSqlite } from '../time';

/** Whether the database ends with this process, as that of a new app does (`connection: ':memory:'`). */
export function isInMemory(knex: Knex): boolean {
  const { connection } = knex.client.config;
  return isSqlite(knex) && (connection?.filename ?? connection) === ':memory:';
}
