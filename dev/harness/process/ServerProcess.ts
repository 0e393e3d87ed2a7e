import { JsonObject, JsonValue } from '@backstage/types';
import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { NODE_TRANSFORM } from '../backend/nodeTransform';

/** A server in a process of its own, which runs `serve`. It does one thing after the other that it is asked for. */
export class ServerProcess {
  #last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly child: ChildProcess) {}

  /**
   * @param file - what the process runs
   * @param options - what it starts the server with
   * @returns also what it tells of the server.
   */
  static async start<T>(
    file: string,
    options: object,
  ): Promise<{ process: ServerProcess; server: T }> {
    const child = fork(file, [JSON.stringify(options)], {
      execArgv: NODE_TRANSFORM,
      // Ctrl-C reaches all processes of a terminal. This one is to outlive those that use it.
      detached: true,
    });
    const process = new ServerProcess(child);
    return { process, server: (await answerOf(child)) as T };
  }

  /** Asks the server for something, and returns its answer. */
  async ask(order: JsonObject): Promise<JsonValue> {
    const asked = this.#last.then(() => {
      this.child.send(order);
      return answerOf(this.child);
    });
    this.#last = asked.catch(() => {});
    return asked;
  }

  /** Ends the server, once it has done what it was asked for. */
  async stop(): Promise<void> {
    await this.#last;
    this.child.disconnect();
    await once(this.child, 'exit');
  }
}

/** The next message of ours. The transform that runs TypeScript sends some of its own. */
async function answerOf(child: ChildProcess): Promise<JsonValue> {
  for (;;) {
    const [message] = await once(child, 'message');
    if ('answer' in message) {
      return message.answer;
    }
  }
}
