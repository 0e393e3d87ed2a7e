import type { MessagePort, Transferable, Worker } from 'node:worker_threads';
import { revived } from '../errors';

type Call = { type: 'call'; id: number; method: string; args: unknown[] };
type Answer = { type: 'answer'; id: number; value?: unknown; error?: Failure };
type Failure = { name: string; message: string };

/** Functions that the other side may call. Each answer can name memory that is to be moved instead of copied. */
type Handlers = Record<string, (...args: any[]) => Promise<unknown>>;

/** Calls between two threads, in both directions. Large content is moved, not copied. */
export class Channel {
  readonly #waiting = new Map<
    number,
    { resolve: (value: any) => void; reject: (error: Error) => void }
  >();
  #lastId = 0;
  #handlers: Handlers = {};

  constructor(private readonly port: MessagePort | Worker) {
    port.on('message', (message: Call | Answer) => {
      if (message.type === 'call') {
        void this.#serve(message);
      } else {
        this.#settle(message);
      }
    });
  }

  /** Says what the other side may call. */
  serve(handlers: Handlers): void {
    this.#handlers = handlers;
  }

  /** How many calls have no answer yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls a function of the other side. */
  call<T>(method: string, args: unknown[]): Promise<T> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<T>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    );
    this.#post({ type: 'call', id, method, args }, args);
    return answered;
  }

  /** Fails all calls that have no answer yet, since there will be none. */
  close(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    waiting.forEach(({ reject }) => reject(error));
  }

  async #serve({ id, method, args }: Call): Promise<void> {
    try {
      const value = await this.#handlers[method](...args);
      this.#post({ type: 'answer', id, value }, value);
    } catch (error: any) {
      const { name, message } = error;
      this.#post({ type: 'answer', id, error: { name, message } }, undefined);
    }
  }

  #settle({ id, value, error }: Answer): void {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) {
      call?.reject(revived(error));
    } else {
      call?.resolve(value);
    }
  }

  #post(message: Call | Answer, content: unknown): void {
    this.port.postMessage(message, [...movable(content)]);
  }
}

/** The memory of all byte arrays in a value that have it for themselves. The others are small, and are copied. */
function movable(value: unknown, found = new Set<Transferable>()) {
  if (value instanceof Uint8Array) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) {
      found.add(buffer);
    }
  } else if (Array.isArray(value)) {
    value.forEach(item => movable(item, found));
  }
  return found;
}
