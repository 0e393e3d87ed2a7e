import knexFactory, { Knex } from 'knex';
import fs from 'node:fs/promises';
import path from 'node:path';
import { BackendProcess } from '../harness/BackendProcess';
import { PostgresServer } from '../harness/PostgresServer';
import { Replica } from '../harness/Replica';
import {
  DATABASE_PREFIX,
  GRACEFUL_REPLICA,
  MAX_ATTEMPTS,
  REPLICAS,
  STALE_TIMEOUT_HOURS,
  TIMEOUT_SECONDS,
} from './settings';
import { POISONED_TEMPLATES, TEMPLATES, writeTemplates } from './templates';

/** What the faults hit: three backends, each as on a host of its own, and the PostgreSQL server that they share. */
export class Site {
  #isClosed = false;
  #interruption?: Promise<void>;

  private constructor(
    private readonly server: PostgresServer,
    /** The scaffolder's database. */
    readonly knex: Knex,
    readonly replicas: Replica[],
    readonly journals: string,
  ) {}

  /**
   * @param directory - an existing folder that takes all but PostgreSQL's data
   * @param metricsPorts - where the backends are to export their metrics, by their names
   */
  static async create(
    directory: string,
    metricsPorts?: Map<string, number>,
  ): Promise<Site> {
    const server = await PostgresServer.start();
    try {
      const knex = knexFactory({
        client: 'pg',
        connection: {
          ...server.connection,
          database: `${DATABASE_PREFIX}scaffolder`,
          application_name: 'chaos',
        },
        pool: { min: 0, max: 6 },
        acquireConnectionTimeout: 5_000,
        // It is meant to lose its connections.
        log: { warn() {}, error() {} },
      });
      const journals = path.join(directory, 'journals');
      await writeTemplates(path.join(directory, 'templates'), [
        ...TEMPLATES,
        ...POISONED_TEMPLATES,
      ]);
      const replicas: Replica[] = [];
      for (const name of REPLICAS) {
        const backend = await createBackend(
          directory,
          name,
          server,
          metricsPorts?.get(name),
        );
        replicas.push(new Replica(name, backend));
      }
      return new Site(server, knex, replicas, journals);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Starts the backends, one after the other: the first makes the tables. */
  async open(): Promise<void> {
    for (const replica of this.replicas) {
      replica.open();
      await replica.untilReady();
    }
  }

  /** Takes PostgreSQL away for so many milliseconds. */
  async interruptPostgres(ms: number): Promise<void> {
    if (!this.#isClosed) {
      this.#interruption = this.server.interrupt(ms);
      await this.#interruption;
    }
  }

  /** Cuts the connections of a backend, or of all. Nothing happens while PostgreSQL is away. */
  async severConnections(replica?: Replica): Promise<void> {
    const names = replica ? [replica.name] : REPLICAS;
    await this.knex('pg_stat_activity')
      .select(this.knex.raw('pg_terminate_backend(pid)'))
      .whereIn('application_name', names)
      .catch(() => {});
  }

  /** Cuts one connection, by the server's process for it. Nothing happens while PostgreSQL is away. */
  async severConnection(pid: number): Promise<void> {
    await this.knex
      .select(this.knex.raw('pg_terminate_backend(?)', [pid]))
      .catch(() => {});
  }

  async closeBackends(): Promise<void> {
    await Promise.all(this.replicas.map(r => r.close()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.closeBackends();
    await this.knex.destroy();
    // It would start the server again.
    await this.#interruption?.catch(() => {});
    await this.server.stop();
  }
}

async function createBackend(
  directory: string,
  name: string,
  server: PostgresServer,
  metricsPort?: number,
): Promise<BackendProcess> {
  const workingDirectory = path.join(directory, `work-${name}`);
  await fs.mkdir(workingDirectory);
  return BackendProcess.create({
    directory,
    name,
    entry: path.join(__dirname, 'backend.ts'),
    ...(metricsPort && {
      preload: [path.join(__dirname, 'instrumentation.ts')],
      env: { CHAOS_METRICS_PORT: String(metricsPort) },
    }),
    config: {
      backend: {
        workingDirectory,
        database: {
          client: 'pg',
          prefix: DATABASE_PREFIX,
          // Tells whose connections are to be severed.
          connection: { ...server.connection, application_name: name },
        },
      },
      catalog: {
        locations: [
          { type: 'file', target: path.join(directory, 'templates/*.yaml') },
        ],
      },
      scaffolder: {
        recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
        recoverTasksMaxAttempts: MAX_ATTEMPTS,
        EXPERIMENTAL_gracefulShutdown: name === GRACEFUL_REPLICA,
        taskRecovery: {
          enabled: true,
          staleTimeout: { hours: STALE_TIMEOUT_HOURS },
        },
      },
      chaos: { journals: path.join(directory, 'journals') },
    },
  });
}
