import { StoreError } from '../errors';
import { PackStore } from './PackStore';

/** A store that fails only after this many ms holds the steps that wait for it. */
const SLOW_MS = 5_000;

/** For so long nothing is asked of it then, in ms. */
const PAUSE_MS = 60_000;

/**
 * A store that is left alone for a minute after it did not answer: what is asked of it then fails at once, else each step, and each task that ends,
 * would wait for it. Only what a run needs to begin is asked for all the same.
 */
export class PausingPackStore implements PackStore {
  #pause?: { until: number; error: StoreError };

  constructor(private readonly store: PackStore) {}

  get ifNothingIsThere(): string | undefined {
    return this.store.ifNothingIsThere;
  }

  async put(taskId: string, pack: string, content: Uint8Array): Promise<void> {
    await this.#unlessPaused(() => this.store.put(taskId, pack, content));
  }

  async get(taskId: string, pack: string): Promise<Uint8Array | undefined> {
    return this.store.get(taskId, pack);
  }

  async list(taskId: string): Promise<string[]> {
    return this.#unlessPaused(() => this.store.list(taskId));
  }

  async delete(taskId: string, names: string[]): Promise<void> {
    await this.#unlessPaused(() => this.store.delete(taskId, names));
  }

  async check(): Promise<void> {
    await this.store.check?.();
  }

  async #unlessPaused<T>(ask: () => Promise<T>): Promise<T> {
    const askedAt = performance.now();
    if (this.#pause && askedAt < this.#pause.until) {
      throw this.#pause.error;
    }
    try {
      return await ask();
    } catch (error) {
      const now = performance.now();
      if (error instanceof StoreError && now - askedAt > SLOW_MS) {
        this.#pause = { until: now + PAUSE_MS, error };
      }
      throw error;
    }
  }
}
