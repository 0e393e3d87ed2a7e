import { randomUUID } from 'node:crypto';
import { compress, PACK_BYTES } from './packFormat';

/** Packs that are on their way to the store. More of them would only fill the memory: the store is slower than all the rest. */
const MAX_UNDERWAY = 3;

/** Stores a pack. */
export type PutPack = (
  pack: string,
  content: Uint8Array<ArrayBuffer>,
) => Promise<void>;

/** Collects content in packs and sends each one off when it is full. */
export class PackWriter {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  #pack = randomUUID() as string;
  readonly #underway = new Set<Promise<void>>();
  #failure?: { error: unknown };

  /** How many bytes were sent to the store. */
  storedBytes = 0;

  constructor(private readonly put: PutPack) {}

  /** Takes bytes, which are copied, and returns where they will be. */
  add(bytes: Uint8Array): { pack: string; offset: number } {
    if (this.#length + bytes.length > PACK_BYTES) {
      this.#send();
    }
    this.#reserve(bytes.length);
    const place = { pack: this.#pack, offset: this.#length };
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return place;
  }

  /** Whether it has to be waited for `room`. */
  get isFull(): boolean {
    return this.#underway.size >= MAX_UNDERWAY;
  }

  /** Waits until a pack has arrived. Throws if one could not be stored, once the others have arrived or failed. */
  async room(): Promise<void> {
    await Promise.race(this.#underway);
    if (this.#failure) {
      // Whoever deletes what was stored must find it.
      await Promise.all(this.#underway);
    }
    this.#throwFailure();
  }

  /** Waits until all is stored. */
  async finish(): Promise<void> {
    if (this.#length > 0) {
      this.#send();
    }
    await Promise.all(this.#underway);
    this.#throwFailure();
  }

  #send(): void {
    const content = compress(this.#buffer.subarray(0, this.#length));
    this.storedBytes += content.length;
    const stored = this.put(this.#pack, content)
      .catch(error => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underway.delete(stored));
    this.#underway.add(stored);
    this.#pack = randomUUID();
    this.#length = 0;
  }

  /** Most snapshots have far less than a pack of new content. */
  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const size = Math.min(PACK_BYTES, 2 * needed);
      const larger = Buffer.allocUnsafe(size);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
  }

  #throwFailure(): void {
    if (this.#failure) {
      throw this.#failure.error;
    }
  }
}
