/** Far more tasks than one process runs at a time. */
const LIMIT = 1_000;

/** The ids of the most recent tasks of some kind, in bounded memory. */
export class RecentIds {
  readonly #ids = new Set<string>();

  get size(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Adds an id as the most recent one. */
  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size > LIMIT) {
      const [oldest] = this.#ids;
      this.#ids.delete(oldest);
    }
  }

  delete(id: string): void {
    this.#ids.delete(id);
  }
}
