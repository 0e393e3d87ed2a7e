import knexFactory from 'knex';
import os from 'node:os';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';

/** What was compared, and on what, by name. */
export type Versions = Record<string, string>;

export async function readVersions(server: PostgresProcess): Promise<Versions> {
  const packages = [
    '@backstage/plugin-scaffolder-backend',
    '@backstage/plugin-scaffolder-backend-module-workspace-database',
    '@backstage/backend-defaults',
  ];
  return {
    ...Object.fromEntries(
      packages.map(name => [name, require(`${name}/package.json`).version]),
    ),
    'this module': require('../../package.json').version,
    'Node.js': process.versions.node,
    PostgreSQL: await readServerVersion(server),
    'processor cores': String(os.cpus().length),
  };
}

async function readServerVersion(server: PostgresProcess): Promise<string> {
  const knex = knexFactory({
    client: 'pg',
    connection: { ...server.connection, database: 'postgres' },
  });
  try {
    const { rows } = await knex.raw('show server_version');
    return rows[0].server_version;
  } finally {
    await knex.destroy();
  }
}
