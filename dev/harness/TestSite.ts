import { JsonObject } from '@backstage/types';
import knexFactory, { Knex } from 'knex';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BackendOptions, BackendProcess } from './backend/BackendProcess';
import { JournalEntry, readJournals } from './actions/journal';
import { PostgresProcess } from './postgres/PostgresProcess';
import { Replica } from './backend/Replica';

export const ENGINES = ['SQLite', 'PostgreSQL'] as const;
export type Engine = (typeof ENGINES)[number];

/** The scaffolder's part of recovery, for a backend in which the module is not on to answer it. */
export const WITHOUT_MODULE = {
  recoverTasks: false,
  taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
};

/** What backends share: a folder, a database, templates, git repositories and journals. Gone when it is removed. */
export class TestSite {
  readonly #backends: BackendProcess[] = [];
  readonly #replicas: Replica[] = [];
  #knex?: Knex;

  private constructor(
    /** Its folder. */
    readonly directory: string,
    private readonly database: JsonObject,
    private readonly hasTemplates: boolean,
  ) {}

  /**
   * @param server - the PostgreSQL server to use instead of the one that all tests share
   * @param templates - the entities of the templates to use instead of those in `dev/templates`
   */
  static async create(
    engine: Engine,
    server?: Pick<PostgresProcess, 'connection'>,
    templates?: (JsonObject & { metadata: { name: string } })[],
  ): Promise<TestSite> {
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-e2e-'));
    await fs.mkdir(path.join(directory, 'work'));
    await fs.mkdir(path.join(directory, 'templates'));
    for (const template of templates ?? []) {
      await fs.writeFile(
        path.join(directory, 'templates', `${template.metadata.name}.yaml`),
        // JSON is YAML.
        JSON.stringify(template),
      );
    }
    const database: JsonObject =
      engine === 'SQLite'
        ? {
            client: 'better-sqlite3',
            connection: { directory: path.join(directory, 'database') },
          }
        : {
            client: 'pg',
            connection: server?.connection ?? sharedPostgres(),
            prefix: `e2e_${randomBytes(4).toString('hex')}_`,
          };
    return new TestSite(directory, database, templates !== undefined);
  }

  get gitDirectory(): string {
    return path.join(this.directory, 'git');
  }

  get workingDirectory(): string {
    return path.join(this.directory, 'work');
  }

  /**
   * @param scaffolder - what to configure on top of `recoverTasks: true`
   * @param options.isBare - whether `scaffolder` is all that is configured of it, without `recoverTasks: true`
   * @param options.config - what to configure beside the scaffolder
   * @param options.database - what to configure beside the connection to the database
   * @param options.isOwnHost - whether it has a working directory of its own, `work-<name>`, as on a host of its own
   */
  async createBackend(
    name: string,
    scaffolder: JsonObject = {},
    options: Pick<
      BackendOptions,
      'entry' | 'preload' | 'env' | 'installation'
    > & {
      isBare?: boolean;
      config?: JsonObject;
      database?: JsonObject;
      isOwnHost?: boolean;
    } = {},
  ): Promise<BackendProcess> {
    const { directory, gitDirectory } = this;
    const { isBare, isOwnHost, config, database, ...rest } = options;
    const workingDirectory = isOwnHost
      ? this.#ownWorkingDirectory(name)
      : this.workingDirectory;
    await fs.mkdir(workingDirectory, { recursive: true });
    const target = path.join(directory, 'templates/*.yaml');
    const backend = await BackendProcess.create({
      ...rest,
      directory,
      name,
      config: {
        ...(this.hasTemplates && {
          catalog: { locations: [{ type: 'file', target }] },
        }),
        ...config,
        backend: {
          ...(config?.backend as JsonObject),
          database: { ...this.database, ...database },
          workingDirectory,
        },
        dev: { gitDirectory, journals: this.#journals },
        scaffolder: isBare ? scaffolder : { recoverTasks: true, ...scaffolder },
      },
    });
    this.#backends.push(backend);
    return backend;
  }

  /** Deletes the files of a backend on a host of its own that does not run, as they go with a container. */
  async loseDisk(name: string): Promise<void> {
    const directory = this.#ownWorkingDirectory(name);
    await fs.rm(directory, { recursive: true });
    await fs.mkdir(directory);
  }

  /** Has a backend started again whenever it has ended, until the site is closed. Resolves when it is ready for the first time. */
  async supervise(
    name: string,
    backend: BackendProcess,
    restartMs?: number,
  ): Promise<Replica> {
    const replica = new Replica(name, backend, restartMs);
    this.#replicas.push(replica);
    replica.open();
    await replica.untilReady();
    return replica;
  }

  /** What all steps of a task noted so far, or one of them. All tasks if none is given. */
  journal(taskId?: string, stepId?: string): JournalEntry[] {
    return readJournals(this.#journals).filter(
      e => (!taskId || e.taskId === taskId) && (!stepId || e.stepId === stepId),
    );
  }

  /**
   * The scaffolder's database, once a backend has made it.
   *
   * @param settings - what differs from what knex does by default. They count the first time
   */
  openScaffolderDatabase(settings: Knex.Config = {}): Knex {
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
      ...settings,
    });
    return this.#knex;
  }

  /** The scaffolder's database, made here before any backend has run. It has no tables. */
  async createScaffolderDatabase(): Promise<Knex> {
    const { client, connection, prefix } = this.database;
    if (client === 'pg') {
      const server = knexFactory({
        client,
        connection: { ...(connection as JsonObject), database: 'postgres' },
      });
      await server
        .raw('create database ??', [`${prefix}scaffolder`])
        .finally(() => server.destroy());
    } else {
      await fs.mkdir(path.join(this.directory, 'database'));
    }
    return this.openScaffolderDatabase();
  }

  /** Ends the backends. Their files and databases stay. */
  async closeBackends(): Promise<void> {
    await Promise.all(this.#replicas.map(r => r.close()));
    await Promise.all(this.#backends.map(b => b.kill()));
  }

  /** Ends all that it has, and leaves its folder. */
  async close(): Promise<void> {
    await this.#knex?.destroy();
    await this.closeBackends();
  }

  async remove(): Promise<void> {
    await this.close();
    await fs.rm(this.directory, { recursive: true, force: true });
  }

  #ownWorkingDirectory(name: string): string {
    return path.join(this.directory, `work-${name}`);
  }

  get #journals(): string {
    return path.join(this.directory, 'journals');
  }
}

function sharedPostgres(): JsonObject {
  const { hostname, port, username, password } = new URL(
    process.env.BACKSTAGE_TEST_DATABASE_POSTGRES18_CONNECTION_STRING!,
  );
  return { host: hostname, port: Number(port), user: username, password };
}
