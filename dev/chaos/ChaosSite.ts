import { Knex } from 'knex';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { takeAllConnections } from '../harness/postgres/takeAllConnections';
import { TcpProxy } from '../harness/network/TcpProxy';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { severLockOf } from '../harness/postgres/severLockOf';
import { Replica } from '../harness/backend/Replica';
import { TestSite } from '../harness/TestSite';
import {
  GRACEFUL_REPLICA,
  MAX_ATTEMPTS,
  MAX_CONNECTIONS,
  REPLICAS,
  SMALL_POOL,
  STALE_TIMEOUT_HOURS,
  TIMEOUT_SECONDS,
} from './settings';
import { entityOf, POISONED_TEMPLATES, TEMPLATES } from './tasks/templates';

/** What the faults hit: three backends, each as on a host of its own, the PostgreSQL server that they share, and the networks between. */
export class ChaosSite {
  readonly replicas: Replica[] = [];

  private constructor(
    readonly site: TestSite,
    private readonly server: PostgresProcess,
    private readonly backends: Map<string, BackendProcess>,
    private readonly networks: Map<string, TcpProxy>,
  ) {}

  /** @param metricsPorts - where the backends are to export their metrics, by their names */
  static async create(metricsPorts?: Map<string, number>): Promise<ChaosSite> {
    const server = await PostgresProcess.start({
      maxConnections: MAX_CONNECTIONS,
    });
    const templates = [...TEMPLATES, ...POISONED_TEMPLATES].map(entityOf);
    const site = await TestSite.create('PostgreSQL', server, templates);
    const backends = new Map<string, BackendProcess>();
    const networks = new Map<string, TcpProxy>();
    for (const name of REPLICAS) {
      const network = await TcpProxy.open(server.connection);
      networks.set(name, network);
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
          entry: path.join(__dirname, 'backend/index.ts'),
          ...(port && {
            preload: [path.join(__dirname, 'backend/instrumentation.ts')],
            env: { CHAOS_METRICS_PORT: String(port) },
          }),
          isOwnHost: true,
          database: {
            connection: {
              ...server.connection,
              port: network.port,
              // Tells whose connections are to be severed.
              application_name: name,
            },
            ...(name === SMALL_POOL.replica && {
              plugin: {
                scaffolder: {
                  knexConfig: { pool: { max: SMALL_POOL.connections } },
                },
              },
            }),
          },
        },
      );
      backends.set(name, backend);
    }
    return new ChaosSite(site, server, backends, networks);
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
    for (const each of replica ? [replica] : this.replicas) {
      await this.severLock(each);
    }
  }

  /** Cuts the connection on which the process of a backend holds its lock. Nothing happens while PostgreSQL is away. */
  async severLock(replica: Replica): Promise<void> {
    const { pid } = replica.lifetimes.at(-1)!;
    await severLockOf(this.knex, pid).catch(() => {});
  }

  /** Leaves PostgreSQL without a free connection for so many milliseconds. */
  async takeConnections(ms: number): Promise<void> {
    const giveBack = await takeAllConnections(this.server.connection);
    await sleep(ms);
    await giveBack();
  }

  /** What a backend reaches PostgreSQL through. */
  networkOf(replica: Replica): TcpProxy {
    return this.networks.get(replica.name)!;
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
    await Promise.all([...this.networks.values()].map(n => n.close()));
    await this.server.stop();
  }
}
