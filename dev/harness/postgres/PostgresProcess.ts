import { JsonObject } from '@backstage/types';
import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { NODE_TRANSFORM } from '../backend/nodeTransform';
import type { PostgresOptions, PostgresServer } from './PostgresServer';

/** A PostgreSQL server of one's own, in another process. */
export class PostgresProcess {
  #interruption?: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    /** As knex and Backstage take it, without a database. */
    readonly connection: PostgresServer['connection'],
  ) {}

  static async start(options: PostgresOptions = {}): Promise<PostgresProcess> {
    const child = fork(
      path.join(__dirname, 'postgresServerProcess.ts'),
      [JSON.stringify(options)],
      {
        execArgv: NODE_TRANSFORM,
        // Ctrl-C reaches all processes of a terminal. This one is to outlive those that use it.
        detached: true,
      },
    );
    return new PostgresProcess(child, await answerOf(child));
  }

  /** Takes the server away for so many milliseconds, and returns when it is back. */
  async interrupt(ms: number): Promise<void> {
    this.child.send(ms);
    this.#interruption = answerOf(this.child);
    await this.#interruption;
  }

  async stop(): Promise<void> {
    // It would start the server again.
    await this.#interruption;
    this.child.disconnect();
    await once(this.child, 'exit');
  }
}

/** The next message of ours. The transform that runs TypeScript sends some of its own. */
async function answerOf<T extends JsonObject>(child: ChildProcess): Promise<T> {
  for (;;) {
    const [message] = await once(child, 'message');
    if (message.answer) {
      return message.answer;
    }
  }
}
