import { Worker } from 'node:worker_threads';
import { EngineHost } from '../engine/Engine';
import { Channel } from './Channel';
import { EngineCalls, startWorker } from './worker';

/**
 * The thread that the engine runs in: started when it is first needed, and again after it has ended. It keeps the process alive only
 * while it has something to do.
 */
export class EngineThread {
  #running?: { worker: Worker; channel: Channel };

  constructor(private readonly host: EngineHost) {}

  /** Calls the engine. Throws also if the thread ends before it has answered. */
  async call<M extends keyof EngineCalls>(
    method: M,
    ...args: Parameters<EngineCalls[M]>
  ): Promise<Awaited<ReturnType<EngineCalls[M]>>> {
    this.#running ??= this.#start();
    const { worker, channel } = this.#running;
    worker.ref();
    try {
      const answer = channel.call<Awaited<ReturnType<EngineCalls[M]>>>(
        method,
        args,
      );
      return await answer;
    } finally {
      if (channel.waiting === 0) {
        worker.unref();
      }
    }
  }

  /** As `call`, of something that matters only to a thread that is running: one that has ended remembers nothing. */
  async tell<M extends 'settle' | 'skip' | 'drop'>(
    method: M,
    ...args: Parameters<EngineCalls[M]>
  ): Promise<void> {
    if (this.#running) {
      await this.call(method, ...args).catch(() => {});
    }
  }

  /** Ends the thread. What it has not answered yet fails. */
  async stop(): Promise<void> {
    await this.#running?.worker.terminate();
  }

  #start(): { worker: Worker; channel: Channel } {
    const worker = startWorker();
    const { host } = this;
    const channel = new Channel(worker);
    channel.serve({
      putPack: (...args: Parameters<EngineHost['putPack']>) =>
        host.putPack(...args),
      getPack: (...args: Parameters<EngineHost['getPack']>) =>
        host.getPack(...args),
      readManifests: (...args: Parameters<EngineHost['readManifests']>) =>
        host.readManifests(...args),
    });
    let cause = '';
    worker.on('error', error => {
      cause = `, ${error}`;
    });
    worker.on('exit', code => {
      this.#running = undefined;
      channel.close(
        new Error(`The thread for workspaces ended with ${code}${cause}`),
      );
    });
    return { worker, channel };
  }
}
