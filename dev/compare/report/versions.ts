import knexFactory from 'knex';
import os from 'node:os';
import { PACKAGE } from '../../harness/prepare/packModule';
import { PostgresProcess } from '../../harness/postgres/PostgresProcess';
import type { InstalledBackend } from '../InstalledBackend';

/** What was compared, and on what, by name. */
export type Versions = Record<string, string>;

export async function readVersions(
  installed: InstalledBackend,
  server: PostgresProcess,
): Promise<Versions> {
  const packages = [
    '@backstage/plugin-scaffolder-backend',
    '@backstage/plugin-scaffolder-backend-module-workspace-database',
    '@backstage/backend-defaults',
  ];
  return {
    ...Object.fromEntries(
      packages.map(name => [name, installed.versionOf(name)]),
    ),
    'this module': installed.versionOf(PACKAGE),
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
