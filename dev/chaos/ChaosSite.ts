import { Knex } from 'knex';
import path from 'node:path';
import { BackendProcess } from '../harness/BackendProcess';
import { PostgresProcess } from '../harness/PostgresProcess';
import { Replica } from '../harness/Replica';
import { TestSite } from '../harness/TestSite';
import {
  GRACEFUL_REPLICA,
  MAX_ATTEMPTS,
  REPLICAS,
  STALE_TIMEOUT_HOURS,
  TIMEOUT_SECONDS,
} from './settings';
import { entityOf, POISONED_TEMPLATES, TEMPLATES } from './templates';

/** What the faults hit: three backends, each as on a host of its own, and the PostgreSQL server that they share. */
export class ChaosSite {
  readonly replicas: Replica[] = [];

  private constructor(
    readonly site: TestSite,
    private readonly server: PostgresProcess,
    private readonly backends: Map<string, BackendProcess>,
  ) {}

  /** @param metricsPorts - where the backends are to export their metrics, by their names */
  static async create(metricsPorts?: Map<string, number>): Promise<ChaosSite> {
    const server = await PostgresProcess.start();
    const templates = [...TEMPLATES, ...POISONED_TEMPLATES].map(entityOf);
    const site = await TestSite.create('PostgreSQL', server, templates);
    const backends = new Map<string, BackendProcess>();
    for (const name of REPLICAS) {
      const port = metricsPorts?.get(name);
      const backend = await site.createBackend(
        name,
        {
          recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
          recoverTasksMaxAttempts: MAX_ATTEMPTS,
          EXPERIMENTAL_gracefulShutdown: name === GRACEFUL_REPLICA,
          taskRecovery: {
            enabled: true,
            staleTimeout: { hours: STALE_TIMEOUT_HOURS },
          },
        },
        {
          entry: path.join(__dirname, 'backend.ts'),
          ...(port && {
            preload: [path.join(__dirname, 'instrumentation.ts')],
            env: { CHAOS_METRICS_PORT: String(port) },
          }),
          isOwnHost: true,
          database: {
            // Tells whose connections are to be severed.
            connection: { ...server.connection, application_name: name },
          },
        },
      );
      backends.set(name, backend);
    }
    return new ChaosSite(site, server, backends);
  }

  /** The scaffolder's database. */
  get knex(): Knex {
    return this.site.openScaffolderDatabase({
      pool: { min: 0, max: 6 },
      acquireConnectionTimeout: 5_000,
      // It is meant to lose its connections.
      log: { warn() {}, error() {} },
    });
  }

  /** Starts the backends, one after the other: the first makes the tables. */
  async open(): Promise<void> {
    for (const [name, backend] of this.backends) {
      this.replicas.push(await this.site.supervise(name, backend));
    }
  }

  /** Takes PostgreSQL away for so many milliseconds. */
  async interruptPostgres(ms: number): Promise<void> {
    await this.server.interrupt(ms);
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

  /** Ends all. The files stay. */
  async close(): Promise<void> {
    await this.site.close();
    await this.server.stop();
  }
}
