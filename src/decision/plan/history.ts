import { FilesReader, StepFiles } from './FilesReader';
import {
  DATABASE_ONLY,
  parseNeeds,
  SnapshotNeeds,
  whyUnreadable,
} from './snapshotNeeds';

/**
 * How a step went in a run: `processing`, `completed`, `failed`, `skipped` for its `if`, or `passedOver` after a step had failed, be
 * it for that or for its `if`.
 */
export type StepState =
  'processing' | 'completed' | 'failed' | 'skipped' | 'passedOver';

/** What is read from a task's events. */
export type TaskHistory = {
  /** Somebody cancelled the task. A retry removes that event (the scaffolder's `retryTask`, 4.2.0). */
  cancelled: boolean;
  /** The steps that the current run is in, by their ids. One, unless two runs of the task were alive at once. */
  running: string[];
  /** The steps that the current run has reached, by their ids, in their order. */
  reached: string[];
  /**
   * How the steps with an id went in the last run that did more than to skip them as finished, in the order in which the run came by
   * them, which is that of the template. One state, unless several steps share the id.
   */
  states: Map<string, StepState[]>;
  /** The ids of steps that began when another step had failed in the same run, the last time that they began. */
  ranAfterFailure: Set<string>;
  /** The ids of steps that finished in any run. */
  finishedSteps: Set<string>;
  /** What is known of the files of the steps with an id, in the order of `states`. */
  files: Map<string, (StepFiles | undefined)[]>;
};

/**
 * Infers what the events of a run do not have from the order in which the runner writes them (`executeStep`, 4.2.0):
 *
 * - A step begins with `processing`. Skipped for its `if`, it is `skipped` after that; after a failure before, `skipped` alone. Of a
 *   step that failed since that first line could not be written, nothing is written at all.
 * - A step that had finished in an earlier run is `completed` alone.
 * - Of a second step that fails, `failed` is written twice.
 * - A run that is cancelled between two steps leaves the next one `processing`, and goes on to skip those after it.
 */
class HistoryReader {
  readonly #states = new Map<string, StepState[]>();
  readonly #finishedSteps = new Set<string>();
  readonly #ranAfterFailure = new Set<string>();
  readonly #files = new FilesReader();
  #cancelled = false;
  /** What was last written of the steps that this run has reached. */
  readonly #lastWritten = new Map<string, string>();
  /** The steps that this run has done more with than to skip them as finished. */
  readonly #touched = new Set<string>();
  /** The step that the run is in. */
  #current?: string;
  /**
   * The step that began last, and which it is of those with its id. Of one that failed or was skipped, the scaffolder asks for a snapshot when
   * that is written already (`executeStep`, 4.2.0).
   */
  #lastBegun?: { stepId: string; place: number };
  #hasFailed = false;

  constructor(private readonly readable: SnapshotNeeds | 'all') {}

  add(event: unknown): void {
    if (event === 'cancelled') {
      this.#cancelled = true;
    } else if (event === 'recovered') {
      // What follows is another run, in which every step starts open, as in the UI.
      this.#lastWritten.clear();
      this.#touched.clear();
      this.#current = undefined;
      this.#lastBegun = undefined;
      this.#hasFailed = false;
    } else if (Array.isArray(event)) {
      this.#addFiles(event);
    } else {
      const { stepId, status } = Object(event);
      if (typeof stepId === 'string' && typeof status === 'string') {
        this.#addState(stepId, status);
      }
    }
  }

  read(): TaskHistory {
    const reached = [...this.#lastWritten];
    return {
      cancelled: this.#cancelled,
      reached: reached.map(([id]) => id),
      running: reached
        .filter(([, status]) => status === 'processing')
        .map(([id]) => id),
      states: this.#states,
      ranAfterFailure: this.#ranAfterFailure,
      finishedSteps: this.#finishedSteps,
      files: this.#files.read(),
    };
  }

  #addFiles([kind, number, changed, problem, needs]: unknown[]): void {
    if (kind === 'begin') {
      this.#files.runBegan(Number(number ?? 0));
    } else if (this.#lastBegun) {
      const { stepId, place } = this.#lastBegun;
      this.#files.snapshotTaken(stepId, place, {
        number: Number(number),
        // A number on SQLite.
        changed: changed === null ? undefined : Boolean(changed),
        problem:
          typeof problem === 'string' ? problem : this.#whyUnreadable(needs),
      });
    }
  }

  #whyUnreadable(needs: unknown): string | undefined {
    return this.readable === 'all' || typeof needs !== 'string'
      ? undefined
      : whyUnreadable(parseNeeds(needs), this.readable);
  }

  #addState(stepId: string, status: string): void {
    this.#lastWritten.set(stepId, status);
    const isCurrent = this.#current === stepId;
    if (!isCurrent || status === 'processing') {
      this.#leaveCurrent();
    }
    this.#current = undefined;
    if (status === 'completed') {
      this.#finishedSteps.add(stepId);
      if (!isCurrent) {
        // Skipped, since it was recorded. What is known of the run that did it stays.
        return;
      }
    }
    const states = this.#statesInThisRun(stepId);
    if (isCurrent && status !== 'processing') {
      states.pop();
    }
    switch (status) {
      case 'processing':
        this.#current = stepId;
        states.push('processing');
        this.#lastBegun = { stepId, place: states.length - 1 };
        this.#files.stepBegan(stepId, states.length - 1);
        if (this.#hasFailed) {
          this.#ranAfterFailure.add(stepId);
        } else {
          this.#ranAfterFailure.delete(stepId);
        }
        break;
      case 'completed':
        states.push('completed');
        break;
      case 'skipped':
        // Alone, it comes after a failure. That has no line if the first line of the failed step could not be written.
        this.#hasFailed ||= !isCurrent;
        states.push(this.#hasFailed ? 'passedOver' : 'skipped');
        break;
      default:
        // Not again for the second line about the same failure.
        if (isCurrent || states.at(-1) !== 'failed') {
          states.push('failed');
        }
        this.#hasFailed = true;
    }
  }

  #statesInThisRun(stepId: string): StepState[] {
    const known = this.#touched.has(stepId)
      ? this.#states.get(stepId)
      : undefined;
    const states = known ?? [];
    this.#states.set(stepId, states);
    this.#touched.add(stepId);
    return states;
  }

  /** The run has left the step that it was in, without that its end was written. */
  #leaveCurrent(): void {
    const states =
      this.#current === undefined ? undefined : this.#states.get(this.#current);
    if (states) {
      states.pop();
      states.push('failed');
      this.#hasFailed = true;
    }
    this.#current = undefined;
  }
}

/**
 * Reads what is known of a task's course.
 *
 * @param events - as JSON: bodies of log events; for events of those types the strings `cancelled` and `recovered`; and of snapshots of the
 *   workspace the arrays `["begin", the number that was restored or null]` and `["snapshot", number, changed, problem, needs]`. What is no
 *   JSON is passed over.
 * @param readable - the stores and keys that snapshots can be read with. Others count as missing
 */
export function readHistory(
  events: string[] = [],
  readable: SnapshotNeeds | 'all' = DATABASE_ONLY,
): TaskHistory {
  const reader = new HistoryReader(readable);
  for (const event of events) {
    reader.add(parseOrPass(event));
  }
  return reader.read();
}

function parseOrPass(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
