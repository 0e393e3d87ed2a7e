import path from 'node:path';
import { ServerProcess } from '../process/ServerProcess';
import type { PostgresOptions, PostgresServer } from './PostgresServer';

/** A PostgreSQL server of one's own, in another process. */
export class PostgresProcess {
  private constructor(
    private readonly process: ServerProcess,
    /** As knex and Backstage take it, without a database. */
    readonly connection: PostgresServer['connection'],
  ) {}

  static async start(options: PostgresOptions = {}): Promise<PostgresProcess> {
    const { process, server } = await ServerProcess.start<
      PostgresServer['connection']
    >(path.join(__dirname, 'postgresServerProcess.ts'), options);
    return new PostgresProcess(process, server);
  }

  /** Takes the server away for so many milliseconds, and returns when it is back. */
  async interrupt(ms: number): Promise<void> {
    await this.process.ask({ interruptMs: ms });
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}
