import { JsonObject } from '@backstage/types';
import knexFactory, { Knex } from 'knex';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PostgresProcess } from '../../dev/harness/PostgresProcess';
import { BackendProcess, Installation } from '../../dev/harness/BackendProcess';
import { TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';

export const ENGINES = ['SQLite', 'PostgreSQL'] as const;

/** The scaffolder's part of recovery, for a backend in which the module is not on to answer it. */
export const WITHOUT_MODULE = {
  recoverTasks: false,
  taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
};

/** What the backends of one test share: a folder, a database and git repositories. Gone after the test. */
export class TestSite {
  readonly #backends: BackendProcess[] = [];
  #knex?: Knex;

  private constructor(
    /** Its folder. */
    readonly directory: string,
    private readonly database: JsonObject,
  ) {}

  /** @param server - the PostgreSQL server to use instead of the one that all tests share */
  static async create(
    engine: (typeof ENGINES)[number],
    server?: PostgresProcess,
  ): Promise<TestSite> {
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-e2e-'));
    await fs.mkdir(path.join(directory, 'work'));
    return new TestSite(
      directory,
      engine === 'SQLite'
        ? {
            client: 'better-sqlite3',
            connection: { directory: path.join(directory, 'database') },
          }
        : {
            client: 'pg',
            connection: server?.connection ?? sharedPostgres(),
            prefix: `e2e_${randomBytes(4).toString('hex')}_`,
          },
    );
  }

  get gitDirectory(): string {
    return path.join(this.directory, 'git');
  }

  get workingDirectory(): string {
    return path.join(this.directory, 'work');
  }

  /**
   * @param scaffolder - what to configure on top of `dev/app-config.yaml`
   * @param options.entry - what to run instead of `dev/index.ts`
   * @param options.baseConfig - the file to begin with instead of `dev/app-config.yaml`
   * @param options.config - what to configure beside the scaffolder
   * @param options.database - what to configure beside the connection to the database
   * @param options.env - further environment variables
   * @param options.installation - where it has its packages, if not here
   * @param options.isOwnHost - whether it has a working directory of its own, as on a host of its own
   */
  async createBackend(
    name: string,
    scaffolder: JsonObject = {},
    options: {
      entry?: string;
      baseConfig?: string;
      config?: JsonObject;
      database?: JsonObject;
      env?: Record<string, string>;
      installation?: Installation;
      isOwnHost?: boolean;
    } = {},
  ): Promise<BackendProcess> {
    const { directory, gitDirectory } = this;
    const { entry, baseConfig, config, env, installation, isOwnHost } = options;
    const database = { ...this.database, ...options.database };
    const workingDirectory = isOwnHost
      ? path.join(directory, `work-${name}`)
      : this.workingDirectory;
    await fs.mkdir(workingDirectory, { recursive: true });
    const backend = await BackendProcess.create({
      directory,
      name,
      entry,
      baseConfig,
      env,
      installation,
      config: {
        ...config,
        backend: { database, workingDirectory },
        dev: { gitDirectory },
        scaffolder,
      },
    });
    this.#backends.push(backend);
    return backend;
  }

  /** The scaffolder's database, once a backend has made it. */
  openScaffolderDatabase(): Knex {
    const { client, connection, prefix } = this.database;
    const isSqlite = client === 'better-sqlite3';
    this.#knex ??= knexFactory({
      client: client as string,
      connection: isSqlite
        ? { filename: path.join(this.directory, 'database/scaffolder.sqlite') }
        : {
            ...(connection as JsonObject),
            database: `${prefix}scaffolder`,
          },
      useNullAsDefault: isSqlite,
    });
    return this.#knex;
  }

  /**
   * Lets all running tasks be silent for so many seconds. Those whose process lives would beat again.
   *
   * @throws Error if none is running, in which case the test would wait in vain.
   */
  async silenceTasks(seconds: number): Promise<void> {
    const knex = this.openScaffolderDatabase();
    const silenced = await knex(TASKS)
      .where({ status: 'processing' })
      .update({ last_heartbeat_at: secondsAgo(knex, seconds) });
    if (silenced === 0) {
      throw new Error('No task is running that could be silent');
    }
  }

  async remove(): Promise<void> {
    await this.#knex?.destroy();
    await Promise.all(this.#backends.map(b => b.kill()));
    await fs.rm(this.directory, { recursive: true, force: true });
  }
}

function sharedPostgres(): JsonObject {
  const { hostname, port, username, password } = new URL(
    process.env.BACKSTAGE_TEST_DATABASE_POSTGRES18_CONNECTION_STRING!,
  );
  return { host: hostname, port: Number(port), user: username, password };
}
