import { Knex } from 'knex';
import { appendTaskEvents } from '../database/operations/appendTaskEvents';
import { clearSpentAttempts } from '../database/operations/clearSpentAttempts';
import { listRuns } from '../database/operations/listRuns';
import { readRunMark, RunMark } from '../database/operations/readRunMark';
import { readStepEvents } from '../database/operations/readStepEvents';
import { recordClaim } from '../database/operations/recordClaim';
import { vouchForRun } from '../database/operations/vouchForRun';
import { withdrawAttempt } from '../database/operations/withdrawAttempt';
import { readHistory } from './history';
import { Workspaces } from './Workspaces';

/** A run makes its folder shortly after the claim. One that has made none for this long never began. */
const BEGIN_MS = 10_000;

/** The scaffolder beats every second. */
const BEHIND_SECONDS = 2;

type Run = {
  claimedAt: number;
  hasBegun: boolean;
  /** What there was before this run. Nothing if it could not be read. */
  mark: Promise<RunMark | undefined>;
  /** An earlier run of the same task was still alive here when it was claimed again. */
  isSecond: boolean;
  saidTakenOver?: boolean;
};

/** A task that somebody else runs, or has closed, while a run of it is alive here. */
export type TakenOver = { taskId: string; message: string };

/**
 * The runs that are alive in this process. When one heartbeat query of a run fails, the scaffolder (4.2.0) never beats for
 * that task again, though the run goes on. So the process vouches for its runs: it writes the heartbeats that have fallen
 * behind.
 *
 * It knows its runs from the scaffolder's events, during a shutdown from its own statements, and that they are alive from their folders,
 * which the scaffolder removes when a run ends, also when its end cannot be stored.
 */
export class LiveRuns {
  readonly #runs = new Map<string, Run>();

  constructor(
    private readonly options: {
      knex: Knex;
      workspaces: Workspaces;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /**
   * This process has claimed a task. It counts as alive from this call on, which need not be waited for.
   *
   * @returns when it is known what there was before this run, if it could be read, and the claim is recorded.
   */
  async claimed(taskId: string): Promise<void> {
    // At once: after a stall it would tell of the run that took over.
    const mark = readRunMark(this.options.knex, taskId).catch(() => undefined);
    this.#runs.set(taskId, {
      claimedAt: this.#now(),
      hasBegun: false,
      // A run of it that is still alive here was given up for dead, and this is the one that takes over.
      isSecond: this.#hasBegun(taskId),
      mark,
    });
    const attempt = (await mark)?.attempt;
    if (attempt) {
      // What fails here is made up for by `Outcomes`.
      await recordClaim(this.options.knex, { taskId, attempt }).catch(() => {});
    }
  }

  /** A task has ended, here. What got to its end is not what ends backends: its attempts do not count any more. */
  async ended(taskId: string): Promise<void> {
    this.#runs.delete(taskId);
    await clearSpentAttempts(this.options.knex, taskId);
  }

  /** Whether a task is being run by this process. */
  isAlive(taskId: string): boolean {
    const run = this.#runs.get(taskId);
    if (!run) {
      return false;
    }
    const hasFolder = this.options.workspaces.has(taskId);
    run.hasBegun ||= hasFolder;
    if (
      hasFolder ||
      (!run.hasBegun && this.#now() - run.claimedAt < BEGIN_MS)
    ) {
      return true;
    }
    // It ended without its end being stored.
    this.#runs.delete(taskId);
    return false;
  }

  /**
   * Writes the heartbeats that have fallen behind, and finds the runs that were taken over meanwhile.
   *
   * @returns how many heartbeats were written, and the tasks whose runs were newly found to be taken over.
   */
  async vouch(): Promise<{ vouched: number; takenOver: TakenOver[] }> {
    const { knex } = this.options;
    let vouched = 0;
    const takenOver: TakenOver[] = [];
    const alive = [...this.#runs.keys()].filter(id => this.isAlive(id));
    for (const row of await listRuns(knex, alive, BEHIND_SECONDS)) {
      const run = this.#runs.get(row.id);
      if (!run) {
        continue;
      }
      const mark = (await run.mark) ?? (await readRunMark(knex, row.id));
      run.mark = Promise.resolve(mark);
      const isDecided = row.attempt > mark.attempt;
      if (!row.isBehind && !isDecided && !run.isSecond) {
        continue;
      }
      const isStillOurs = await vouchForRun(knex, row.id, mark);
      if (isStillOurs) {
        vouched += 1;
      }
      const isTakenOver = run.isSecond || (isDecided && !isStillOurs);
      if (isTakenOver && !run.saidTakenOver && this.isAlive(row.id)) {
        run.saidTakenOver = true;
        takenOver.push({
          taskId: row.id,
          message: `this task was taken over by attempt ${row.attempt} while a backend that had been stalled, or cut off from the database, still ran it. Its effects may have happened twice`,
        });
      } else if (isDecided && isStillOurs) {
        // A decision that came to nothing: nobody had claimed the task yet, and this run keeps it.
        await withdrawAttempt(knex, { taskId: row.id, attempt: row.attempt });
        mark.attempt = row.attempt;
      }
    }
    return { vouched, takenOver };
  }

  /** How many tasks are being run by this process. */
  countAlive(): number {
    return [...this.#runs.keys()].filter(id => this.isAlive(id)).length;
  }

  /**
   * The ids of the tasks of which a run has begun here and is alive. A claim alone is none: the scaffolder tells of it before
   * it commits (`claimTask` of DatabaseTaskStore, 4.2.0), and when that fails another process claims the task.
   */
  begun(): string[] {
    return [...this.#runs.keys()].filter(id => this.#hasBegun(id));
  }

  /** The last `recovered` event before the run of each of the tasks, 0 if there was none. */
  async marks(
    taskIds: string[],
  ): Promise<{ taskId: string; recoveredEvent: number }[]> {
    return Promise.all(
      taskIds.map(async taskId => {
        const mark =
          (await this.#runs.get(taskId)?.mark) ??
          (await readRunMark(this.options.knex, taskId));
        return { taskId, recoveredEvent: mark.recoveredEvent };
      }),
    );
  }

  /** Tells the people who look at a task that two runs of it were alive at once. */
  async warn({ taskId, message }: TakenOver): Promise<void> {
    const { knex } = this.options;
    const events = await readStepEvents(knex, [taskId]);
    const { running, reached } = readHistory(events.get(taskId));
    const stepId = running[0] ?? reached.at(-1);
    await knex.transaction(tx =>
      appendTaskEvents(tx, [
        {
          taskId,
          type: 'log',
          body: { message: `Warning: ${message}`, stepId },
        },
      ]),
    );
  }

  #hasBegun(taskId: string): boolean {
    return this.isAlive(taskId) && this.#runs.get(taskId)!.hasBegun;
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}
