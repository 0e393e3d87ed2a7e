import path from 'node:path';
import { ServerProcess } from '../process/ServerProcess';
import type { S3Order } from './s3ServerProcess';

/** A server that speaks the protocol of S3, in another process, which can fail. */
export class S3Process {
  private constructor(
    private readonly process: ServerProcess,
    readonly endpoint: string,
  ) {}

  static async start(): Promise<S3Process> {
    const { process, server } = await ServerProcess.start<{ endpoint: string }>(
      path.join(__dirname, 's3ServerProcess.ts'),
      {},
    );
    return new S3Process(process, server.endpoint);
  }

  /** Has it fail, or work again. */
  async behave(behaviour: S3Order['behave'] & string): Promise<void> {
    await this.process.ask({ behave: behaviour });
  }

  /** The keys of all objects in its bucket. */
  async list(): Promise<string[]> {
    return (await this.process.ask({})) as string[];
  }

  /** Ends it and deletes what it has. */
  async stop(): Promise<void> {
    await this.process.stop();
  }
}
