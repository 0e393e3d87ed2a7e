/** Does what concerns one task one after another, and what concerns several at the same time. */
export class TaskLocks {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Waits for what was begun before for the same task, whatever came of it. */
  async run<T>(taskId: string, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(taskId);
    const result = (async () => {
      await before?.catch(() => {});
      return action();
    })();
    this.#last.set(taskId, result);
    try {
      return await result;
    } finally {
      if (this.#last.get(taskId) === result) {
        this.#last.delete(taskId);
      }
    }
  }
}
