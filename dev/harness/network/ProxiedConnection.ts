import { Socket } from 'node:net';

/** What all connections of a network have in common. Resolves when what was sent now arrives. */
type Passage = () => Promise<void>;

/** One direction of a connection. */
class Line {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly passage: Passage) {}

  /** Has something happen on the other side after all that was sent before. */
  send(arrive: () => void): void {
    this.#last = Promise.all([this.#last, this.passage()]).then(arrive);
  }
}

/**
 * A connection of a client, and that to the server which stands for it. Bytes, ends and resets reach the other side in the order in which
 * they were sent, and as late as the passage says. So does the connection itself.
 */
export class ProxiedConnection {
  #server?: Socket;
  readonly #toServer: Line;
  readonly #toClient: Line;

  /** @param connect - begins the connection to the server */
  constructor(
    private readonly client: Socket,
    connect: () => Socket,
    passage: Passage,
  ) {
    this.#toServer = new Line(passage);
    this.#toClient = new Line(passage);
    this.#toServer.send(() => {
      if (!client.destroyed) {
        this.#server = connect();
        carry(this.#server, this.#toClient, () => client);
      }
    });
    carry(client, this.#toServer, () => this.#server);
  }

  /** Ends it at once on both sides, as a firewall that answers with a reset. What is on its way is lost. */
  reset(): void {
    this.client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }
}

function carry(from: Socket, line: Line, to: () => Socket | undefined): void {
  from.setNoDelay();
  from.on('data', bytes => line.send(() => to()?.write(bytes)));
  from.on('end', () => line.send(() => to()?.end()));
  from.on('error', () => line.send(() => to()?.resetAndDestroy()));
}
