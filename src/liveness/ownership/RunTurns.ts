import { setTimeout as sleep } from 'node:timers/promises';

/** How often a run checks whether it is its turn, in ms. */
const LOOK_MS = 250;

/**
 * After so long a run that is ending has ended, if its folder is gone: it sends its end twice at most, and each time waits for a connection for
 * at most 60 s (`acquireConnectionTimeout` of knex, unless set). Usually its end is seen.
 */
const ENDED_MS = 130_000;

/** The same while its folder is there, which may be large, or may not be removed. */
const REMOVED_MS = 10 * 60_000;

type Entry<Run> = {
  run: Run;
  /** It was claimed while an earlier one was alive. */
  isSecond: boolean;
  /** It asked for its turn. */
  hasAsked: boolean;
  /** It waits for its turn, or its folder is being filled. */
  isFilling: boolean;
  /** Since when it does nothing but end. */
  endsSince?: number;
  isOver: boolean;
};

/**
 * The runs of each task in this process, of which only one is alive at a time. A task can be claimed again by the process that still runs it:
 * the process was stalled, or cut off from the database, and others decided on its task. The scaffolder has one folder for both runs, and the
 * statements that it sends name the task and not the run. So the later run waits until the earlier one is over, before its folder is filled: until
 * then, what is sent is of the earlier one.
 *
 * A run that never asks for its turn, since another workspace provider is configured, or none, lets nobody wait.
 */
export class RunTurns<Run> {
  /** The one whose turn it is, and those that wait for theirs. */
  readonly #queues = new Map<string, Entry<Run>[]>();

  constructor(
    private readonly options: {
      hasFolder: (taskId: string) => boolean;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
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
   * @returns the run before it if that is alive. Its turn comes after that.
   */
  claimed(taskId: string, run: Run): Run | undefined {
    const queue = this.#queues.get(taskId);
    const last = queue?.at(-1);
    const entry: Entry<Run> = {
      run,
      isSecond: false,
      hasAsked: false,
      isFilling: false,
      isOver: false,
    };
    if (queue && last && this.#isAlive(taskId, last)) {
      queue.push({ ...entry, isSecond: true });
      return last.run;
    }
    this.#queues.set(taskId, [entry]);
    return undefined;
  }

  /**
   * Whether a run is not over, as far as its folder tells: its end is not seen if its transaction fails before that, as in an outage of the database
   * that broke the run.
   */
  #isAlive(taskId: string, entry: Entry<Run>): boolean {
    const { hasAsked, isOver, isFilling } = entry;
    const hasFolder = isFilling || this.options.hasFolder(taskId);
    return hasAsked && !isOver && hasFolder;
  }

  /** The claim of the run that was claimed last failed after all. */
  rolledBack(taskId: string): void {
    const queue = this.#queues.get(taskId);
    if (queue?.at(-1)?.hasAsked === false) {
      queue.pop();
      if (queue.length === 0) {
        this.#queues.delete(taskId);
      }
    }
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
    const entry = queue?.find(({ hasAsked }) => !hasAsked);
    if (!queue || !entry) {
      await fill();
      return true;
    }
    const { signal } = this.options;
    const isLast = () => queue.at(-1) === entry;
    entry.hasAsked = true;
    entry.isFilling = true;
    try {
      if (queue[0] !== entry) {
        on.waits();
      }
      while (!this.#hasTurn(taskId, queue, entry)) {
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
  markEnding(taskId: string): void {
    const entry = this.#queues.get(taskId)?.[0];
    if (entry) {
      entry.endsSince ??= this.#now();
    }
  }

  /** The current run of a task has ended. */
  finish(taskId: string): void {
    const queue = this.#queues.get(taskId);
    if (queue) {
      queue[0].isOver = true;
      if (queue.length > 1) {
        queue.shift();
      }
    }
  }

  /** Forgets the runs of a task that nobody waits for. */
  forget(taskId: string): void {
    const queue = this.#queues.get(taskId);
    if (queue?.length === 1 && !queue[0].isFilling) {
      this.#queues.delete(taskId);
    }
  }

  #hasTurn(taskId: string, queue: Entry<Run>[], entry: Entry<Run>): boolean {
    const [first] = queue;
    if (first === entry) {
      return true;
    }
    const hasFolder = this.options.hasFolder(taskId);
    if (!first.isFilling && !hasFolder) {
      // Whatever it failed with, it removes its folder before it sends its end.
      this.markEnding(taskId);
    }
    const { isFilling, endsSince = Infinity } = first;
    const limit = hasFolder ? REMOVED_MS : ENDED_MS;
    if (!isFilling && this.#now() - endsSince > limit) {
      this.finish(taskId);
    }
    return queue[0] === entry;
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}
