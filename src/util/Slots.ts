/** Lets a limited number of actions run at once. The others wait, and begin in their order. */
export class Slots {
  readonly #waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.free > 0) {
      this.free -= 1;
    } else {
      await new Promise<void>(begin => this.#waiting.push(begin));
    }
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next) {
        next();
      } else {
        this.free += 1;
      }
    }
  }
}
