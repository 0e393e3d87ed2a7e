import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from '../network/findFreePort';
import { findProgram } from '../prepare/findProgram';
import type { PostgresServer } from './PostgresServer';
import { waitFor } from '../waitFor';

/** What npm does not bring, and how to get it. Nothing if it is there. */
export function missingPgBouncer(): string | undefined {
  return findProgram('pgbouncer')
    ? undefined
    : 'pgbouncer is not installed. On Debian: apt-get install pgbouncer';
}

/** It refuses to run as root. "nobody" is this on all Linux systems. */
const NOBODY = 65_534;

/** A real pgbouncer before a PostgreSQL server, in transaction mode: each transaction may run in another session of the server. */
export class PgBouncer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    /** As knex and Backstage take it, without a database. */
    readonly connection: PostgresServer['connection'],
  ) {}

  /** @throws Error that says how to get the program, if it is not there */
  static async start(server: PostgresServer['connection']): Promise<PgBouncer> {
    const program = findProgram('pgbouncer');
    if (!program) {
      throw new Error(missingPgBouncer());
    }
    const directory = await fs.mkdtemp(
      path.join(os.tmpdir(), 'recovery-pgbouncer-'),
    );
    await fs.chmod(directory, 0o755);
    const port = await findFreePort();
    const config = path.join(directory, 'pgbouncer.ini');
    await fs.writeFile(config, configOf(server, port));
    const log = await fs.open(path.join(directory, 'pgbouncer.log'), 'a');
    const child = spawn(program, [config], {
      stdio: ['ignore', log.fd, log.fd],
      ...(process.getuid?.() === 0 && { uid: NOBODY, gid: NOBODY }),
    });
    await log.close();
    const bouncer = new PgBouncer(child, directory, { ...server, port });
    try {
      await waitFor(
        `pgbouncer to be ready, see ${directory}`,
        async () => accepts(port),
        { timeoutMs: 30_000 },
      );
      return bouncer;
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
    await fs.rm(this.directory, { recursive: true, force: true });
  }
}

function configOf(
  { host, port, user, password }: PostgresServer['connection'],
  ownPort: number,
): string {
  return `
[databases]
* = host=${host} port=${port} user=${user} password=${password}

[pgbouncer]
listen_addr = ${host}
listen_port = ${ownPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
# After an outage of the server, as soon as it is back.
server_login_retry = 1
`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
