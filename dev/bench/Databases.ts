import knexFactory, { Knex } from 'knex';
import {
  migrateModule,
  migrateScaffolderOnly,
} from '../harness/inProcess/migrate';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';

/** How a database is reached, also from another process. */
export type Connection = PostgresProcess['connection'] & { database: string };

/** The databases of a benchmark on one server. */
export class Databases {
  readonly #open = new Map<string, Knex>();

  constructor(private readonly server: PostgresProcess) {}

  /** Makes a database with the scaffolder's tables and nothing else. */
  async create(name: string): Promise<Knex> {
    await this.#onServer(`create database ${name}`);
    const knex = this.open(name);
    await migrateScaffolderOnly(knex);
    return knex;
  }

  /** Makes a copy of a database, so that two can be measured on the same data. */
  async copy(from: string, name: string): Promise<Knex> {
    // PostgreSQL copies no database that somebody is connected to.
    await this.close(from);
    await this.#onServer(`create database ${name} template ${from}`);
    return this.open(name);
  }

  /** As `copy`, with the module's tables and its index. */
  async copyWithModule(from: string, name: string): Promise<Knex> {
    const knex = await this.copy(from, name);
    await migrateModule(knex);
    return knex;
  }

  connectionTo(database: string): Connection {
    return { ...this.server.connection, database };
  }

  open(name: string): Knex {
    const known = this.#open.get(name);
    if (known) {
      return known;
    }
    const knex = connect(this.connectionTo(name));
    this.#open.set(name, knex);
    return knex;
  }

  async close(name: string): Promise<void> {
    await this.#open.get(name)?.destroy();
    this.#open.delete(name);
  }

  async drop(...names: string[]): Promise<void> {
    for (const name of names) {
      await this.close(name);
      await this.#onServer(`drop database ${name}`);
    }
  }

  async closeAll(): Promise<void> {
    for (const name of [...this.#open.keys()]) {
      await this.close(name);
    }
  }

  async #onServer(statement: string): Promise<void> {
    await this.open('postgres').raw(statement);
  }
}

/** Connects as Backstage does: with knex's own pool, of up to ten connections. */
export function connect(connection: Connection): Knex {
  return knexFactory({ client: 'pg', connection });
}

/**
 * Leaves a database as a server leaves it that has been up for a while: with statistics for its planner, and with nothing
 * left to be written to the disk while something else is measured.
 */
export async function settle(knex: Knex): Promise<void> {
  await knex.raw('vacuum analyze');
  await knex.raw('checkpoint');
}
