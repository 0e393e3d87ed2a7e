import { once } from 'node:events';
import { AddressInfo, connect, createServer, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProxiedConnection } from './ProxiedConnection';

/**
 * The network between a client and a server on this machine, which can fail while both go on. The client connects to `port` instead of
 * the server's.
 */
export class TcpProxy {
  /** How much later everything arrives, in each direction. */
  delayMs = 0;
  #isCut = false;
  #silence?: { over: Promise<void>; end: () => void };
  readonly #connections = new Set<ProxiedConnection>();

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {}

  /** Opens a network that works. */
  static async open(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new TcpProxy(server, target);
    server.on('connection', client => proxy.#accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Ends all connections with a reset. New ones can be made. */
  reset(): void {
    this.#connections.forEach(c => c.reset());
  }

  /** Ends all connections with a reset, and from then on each new one. */
  cut(): void {
    this.#isCut = true;
    this.reset();
  }

  /** From then on nothing arrives, and nobody is told: no byte, no end, no new connection. */
  silence(): void {
    if (!this.#silence) {
      let end = () => {};
      const over = new Promise<void>(resolve => {
        end = resolve;
      });
      this.#silence = { over, end };
    }
  }

  /**
   * Ends what `cut` and `silence` began. What was sent during a silence arrives now, as TCP sends it again. To have it lost, `reset` first.
   */
  restore(): void {
    this.#isCut = false;
    this.#silence?.end();
    this.#silence = undefined;
  }

  /** Ends all. */
  async close(): Promise<void> {
    this.server.close();
    this.cut();
    this.#silence?.end();
    await once(this.server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    const connection = new ProxiedConnection(
      client,
      () => connect({ ...this.target, allowHalfOpen: true }),
      () => this.#passage(),
    );
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
  }

  async #passage(): Promise<void> {
    if (this.delayMs > 0) {
      await sleep(this.delayMs);
    }
    // Another one may begin before this has gone on.
    while (this.#silence) {
      await this.#silence.over;
    }
  }
}
