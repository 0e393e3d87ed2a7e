import { JsonObject } from '@backstage/types';
import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** A PostgreSQL server of one's own, in another process. */
export class PostgresProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** As knex and Backstage take it, without a database. */
    readonly connection: JsonObject,
  ) {}

  static async start(): Promise<PostgresProcess> {
    const child = fork(path.join(__dirname, 'postgresServerProcess.ts'), {
      execArgv: [
        '--require',
        require.resolve('@backstage/cli/config/nodeTransform.cjs'),
      ],
    });
    return new PostgresProcess(child, await answerOf(child));
  }

  /** Takes the server away for so many milliseconds, and returns when it is back. */
  async interrupt(ms: number): Promise<void> {
    this.child.send(ms);
    await answerOf(this.child);
  }

  async stop(): Promise<void> {
    // It may have ended already, as by Ctrl-C, which reaches all processes of a terminal.
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      return;
    }
    this.child.disconnect();
    await once(this.child, 'exit');
  }
}

/** The next message of ours. The transform that runs TypeScript sends some of its own. */
async function answerOf(child: ChildProcess): Promise<JsonObject> {
  for (;;) {
    const [message] = await once(child, 'message');
    if (message.answer) {
      return message.answer;
    }
  }
}
