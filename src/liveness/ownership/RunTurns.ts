import { setTimeout as sleep } from 'node:timers/promises';

/** How often a run looks whether it is its turn, in ms. */
const LOOK_MS = 250;

/**
 * After so long a run that is ending has ended: it sends its end twice at most, and each time waits for a connection for at most 60 s
 * (`acquireConnectionTimeout` of knex, unless set). Usually its end is seen.
 */
const ENDED_MS = 130_000;

type Entry<Run> = {
  run: Run;
  /** It was claimed while an earlier one was alive. */
  isSecond: boolean;
  /** It asked for its turn: a workspace provider of ours fills its folder. */
  takesTurns: boolean;
  /** It waits for its turn, or its folder is being filled. */
  isFilling: boolean;
  /** Since when it does nothing but end. */
  endsSince?: number;
};

/**
 * The runs of each task in this process, of which only one is alive at a time. A task can be claimed again by the process that still runs it: the process
 * was stalled, or cut off from the database, and others decided on its task. The scaffolder has one folder for both runs, and the
 * statements that it sends name the task and not the run. So the later run waits until the earlier one is over, before its folder is filled: until
 * then, what is sent is of the earlier one.
 */
export class RunTurns<Run> {
  /** The one whose turn it is, and those that wait for theirs. */
  readonly #queues = new Map<string, Entry<Run>[]>();

  constructor(
    private readonly options: {
      /** Milliseconds that pass evenly. */
      clock: () => number;
      /** Ends the waiting. */
      signal?: AbortSignal;
    },
  ) {}

  /** The run that statements for a task are of. */
  current(taskId: string): Run | undefined {
    return this.#queues.get(taskId)?.[0].run;
  }

  /** The runs that statements are of, by the ids of their tasks. */
  allCurrent(): [taskId: string, run: Run][] {
    return [...this.#queues].map(([taskId, [{ run }]]) => [taskId, run]);
  }

  /** Whether a later run of a task waits for the current one to end. */
  isAwaited(taskId: string): boolean {
    return (this.#queues.get(taskId)?.length ?? 0) > 1;
  }

  /**
   * A run was claimed.
   *
   * @param isDoubled - whether the folder of an earlier run is there, as far as it is known
   * @returns the run before it if that is alive. Its turn comes after that.
   */
  claimed(taskId: string, run: Run, isDoubled: boolean): Run | undefined {
    const queue = this.#queues.get(taskId);
    if (this.isAwaited(taskId) && !queue!.at(-1)!.takesTurns) {
      // Its claim was rolled back, so it never began.
      queue!.pop();
    }
    const last = queue?.at(-1);
    const isSecond = last?.takesTurns && (last.isFilling || isDoubled);
    const entry = { run, takesTurns: false, isFilling: false };
    if (queue && isSecond) {
      queue.push({ ...entry, isSecond });
      return last.run;
    }
    this.#queues.set(taskId, [{ ...entry, isSecond: false }]);
    return undefined;
  }

  /**
   * Waits for the turn of the run that was claimed last, and lets its folder be filled, unless a later one was claimed meanwhile.
   *
   * @param on.waits - called if it has to wait
   * @param on.turn - called when it is its turn if an earlier one was alive when it was claimed
   * @returns whether it is the last one still.
   * @throws what `fill` throws, or an AbortError if the waiting is ended.
   */
  async fill(
    taskId: string,
    fill: () => Promise<void>,
    on: { waits(): void; turn(): void },
  ): Promise<boolean> {
    const queue = this.#queues.get(taskId);
    const entry = queue?.at(-1);
    if (!queue || !entry) {
      await fill();
      return true;
    }
    const { signal } = this.options;
    const isLast = () => queue.at(-1) === entry;
    entry.takesTurns = true;
    entry.isFilling = true;
    try {
      if (queue[0] !== entry) {
        on.waits();
      }
      while (!this.#hasTurn(queue, entry)) {
        await sleep(LOOK_MS, undefined, { ref: false, signal });
      }
      if (isLast()) {
        if (entry.isSecond) {
          on.turn();
        }
        await fill();
      }
    } finally {
      entry.isFilling = false;
    }
    return isLast();
  }

  /** The current run of a task does nothing more but end. */
  ends(taskId: string): void {
    const entry = this.#queues.get(taskId)?.[0];
    if (entry) {
      entry.endsSince ??= this.options.clock();
    }
  }

  /** The current run of a task has ended. */
  over(taskId: string): void {
    const queue = this.#queues.get(taskId);
    if (queue && queue.length > 1) {
      queue.shift();
    }
  }

  /** Forgets the runs of a task that nobody waits for. */
  forget(taskId: string): void {
    const queue = this.#queues.get(taskId);
    if (queue?.length === 1 && !queue[0].isFilling) {
      this.#queues.delete(taskId);
    }
  }

  #hasTurn(queue: Entry<Run>[], entry: Entry<Run>): boolean {
    const [{ isFilling, endsSince = Infinity }] = queue;
    if (
      queue[0] !== entry &&
      !isFilling &&
      this.options.clock() - endsSince > ENDED_MS
    ) {
      queue.shift();
    }
    return queue[0] === entry;
  }
}
