import { once } from 'node:events';
import fs from 'node:fs';
import {
  createServer,
  IncomingMessage,
  RequestListener,
  Server,
  ServerResponse,
} from 'node:http';
import { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** `s3rver` has no types. */
type S3rver = {
  callback(): RequestListener;
  configureBuckets(): Promise<unknown>;
  on(event: 'error', listener: () => void): void;
  logger: { exceptions: { unhandle(): void }; close(): void };
};

/** The bucket that a new server has. */
export const TEST_BUCKET = 'test-bucket';

/** The credentials that `s3rver` takes. Others are refused. */
export const TEST_CREDENTIALS = {
  accessKeyId: 'S3RVER',
  secretAccessKey: 'S3RVER',
};

/** The end of the name of a file with an object. */
const SUFFIX = '._S3rver_object';

/**
 * How the server behaves towards a request. `cut`: the connection is reset in the middle of an answer. `silent`: there is never an
 * answer.
 */
export type S3Behaviour = 'well' | 'unavailable' | 'cut' | 'silent';

/** A server that speaks the protocol of S3 over HTTP on a free port, keeps objects in a temporary folder, and can fail. */
export class S3Server {
  /** By how much each answer is late, in ms. */
  delayMs = 0;
  /** Of requests from now on. */
  behaviour: S3Behaviour = 'well';
  /** Method and URL of each request, in their order. */
  readonly requests: string[] = [];
  /** How many requests had no answer yet at once, at most. */
  mostAtOnce = 0;
  #atOnce = 0;

  private constructor(
    private readonly s3rver: S3rver,
    readonly folder: string,
    private server: Server,
    readonly port: number,
  ) {}

  static async start(): Promise<S3Server> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 's3-'));
    const S3rver = require('s3rver');
    const s3rver: S3rver = new S3rver({
      directory: folder,
      silent: true,
      vhostBuckets: false,
      configureBuckets: [{ name: TEST_BUCKET }],
    });
    await s3rver.configureBuckets();
    // Otherwise Koa prints what a client has cut off.
    s3rver.on('error', () => {});
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const s3 = new S3Server(s3rver, folder, server, port);
    s3.#serve();
    return s3;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends all connections and refuses new ones, until `goOn`. */
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Listens again after `stop`, with all that was stored. */
  async goOn(): Promise<void> {
    this.server = createServer().listen(this.port, '127.0.0.1');
    this.#serve();
    await once(this.server, 'listening');
  }

  /** Puts other bytes into an object. */
  overwrite(key: string, content: Buffer): void {
    fs.writeFileSync(path.join(this.#bucket, `${key}${SUFFIX}`), content);
  }

  /** The keys of all objects, and what they hold. */
  objects(): Map<string, Buffer> {
    const bucket = this.#bucket;
    const files = fs.readdirSync(bucket, {
      recursive: true,
      encoding: 'utf8',
    });
    return new Map(
      files
        .filter(file => file.endsWith(SUFFIX))
        .map(file => [
          file.slice(0, -SUFFIX.length),
          fs.readFileSync(path.join(bucket, file)),
        ]),
    );
  }

  /** Ends the server and deletes what it has. */
  async remove(): Promise<void> {
    if (this.server.listening) {
      await this.stop();
    }
    this.s3rver.logger.exceptions.unhandle();
    this.s3rver.logger.close();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  get #bucket(): string {
    return path.join(this.folder, TEST_BUCKET);
  }

  #serve(): void {
    const listener = this.s3rver.callback();
    this.server.on('request', (request, response) => {
      void this.#answer(request, response, listener);
    });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    listener: RequestListener,
  ): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    response.once('close', () => {
      this.#atOnce -= 1;
    });
    if (this.delayMs > 0) {
      await sleep(this.delayMs);
    }
    switch (this.behaviour) {
      case 'silent':
        break;
      case 'unavailable':
        request.resume();
        response.writeHead(503, { 'Content-Type': 'application/xml' });
        response.end(
          '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
        );
        break;
      case 'cut':
        response.writeHead(200, { 'Content-Length': 1_000_000 });
        response.write('the first bytes of', () =>
          request.socket.resetAndDestroy(),
        );
        break;
      default:
        listener(request, response);
    }
  }
}
