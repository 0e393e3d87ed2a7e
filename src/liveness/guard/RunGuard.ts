import { QueryFailure } from '../../database/connection/interceptQueries';
import { isConnectionLost } from '../../database/connection/isConnectionLost';
import {
  isAwaited,
  RunStatement,
} from '../../scaffolder/statements/runStatement';
import { isRedactionOf } from '../../scaffolder/statements/isRedactionOf';
import { driverMessage } from '../../util/safeError';
import { OwnershipLostError } from '../ownership/OwnershipLostError';
import { RunTurns } from '../ownership/RunTurns';

/** What the statements of a run fail with once a lost connection has broken it. */
export class RunBrokenError extends Error {
  constructor(taskId: string, problem: string) {
    super(
      `This run of task ${taskId} ended without a result, since the scaffolder's connection to the database was lost (${problem}); the task is recovered as its template asks`,
    );
    this.name = 'RunBrokenError';
  }
}

/** After so long without a statement, a run without a folder has ended. No statement waits for a connection for longer. */
const FORGET_MS = 5 * 60_000;

/**
 * A run beats until its end is stored, whose transaction waits for a connection for at most 60 s (`acquireConnectionTimeout` of knex, unless
 * set).
 */
const ENDING_MS = 65_000;

/** The last `recovered` event before a run. Nothing if it could not be read when the run was claimed. */
type Token = Promise<number | undefined>;

/** How a task ends, as it is stored. */
type TaskEnd = { taskId: string; status: string };

/** A run that a lost connection broke. */
export type BrokenRun = {
  taskId: string;
  token: Token;
  /** What the database said, or whoever tried to connect to it. */
  problem: string;
};

/** A run of this process, and what is known of it from the statements that were sent for it. */
export type GuardedRun = {
  token: Token;
  /** What the token has turned out to be. */
  recoveredEvent?: number;
  lastSeenAt: number;
  hasReachedSteps: boolean;
  isInStep: boolean;
  /** A step has failed by itself, so the run ends as failed whatever happens to its statements. */
  hasFailed: boolean;
  /** With what records could not be saved. An action whose checkpoint cannot be saved may go on without. */
  unsaved: Error[];
  /** What broke it, if anything did. */
  brokenBy?: RunBrokenError;
  lostOwnership?: OwnershipLostError;
};

/**
 * Refuses what runs of this process must not store any more: those that a lost connection to the database broke, and those that have lost
 * ownership of their tasks.
 *
 * The scaffolder (4.2.0) fails a step, and with it the task, when a line of its log or its record cannot be stored. The task would be failed for
 * good, since its secrets are cleared with that.
 *
 * A run is broken when a statement that it waits for fails for want of a connection, unless one of its steps had failed by itself. From then on it
 * stores nothing: it begins no further step, not even one that cleans up, its heartbeats end, and the scaffolder cannot record the task as failed.
 * It looks like a run whose process died at that statement.
 *
 * Nothing is broken before the module's tables were ready once: with none to decide on it, the task would stay in progress where it fails at once
 * without the module.
 *
 * A run that has lost ownership would overwrite what the new run records, and might end its task: the scaffolder's statements name the task and not
 * the run. So nothing of it is stored, its end included. Its task goes on without it, so it is not reported as broken.
 *
 * What a run's action does is none of this: only statements of the scaffolder itself count, each by how that very statement failed.
 */
export class RunGuard {
  constructor(
    private readonly options: {
      /** Of each task the run that statements are of. */
      turns: RunTurns<GuardedRun>;
      /** Whether the folder of the task is there, which a run has until just before its end is stored. */
      hasFolder: (taskId: string) => boolean;
      /** Whether the module's tables were ready once in this process. */
      wasReady: () => boolean;
      onBroken: (run: BrokenRun) => void;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /** This process has claimed a task. An earlier run of it that is alive has lost ownership, and this one is to wait for its end. */
  claimed(taskId: string, token: Token): void {
    this.#forgetEnded();
    const run: GuardedRun = {
      token,
      lastSeenAt: this.#now(),
      hasReachedSteps: false,
      isInStep: false,
      hasFailed: false,
      unsaved: [],
    };
    token.then(known => (run.recoveredEvent = known)).catch(() => {});
    const earlier = this.options.turns.claimed(taskId, run);
    if (earlier) {
      earlier.lostOwnership ??= new OwnershipLostError(taskId);
      if (earlier.hasReachedSteps && !earlier.isInStep) {
        // It begins no further one.
        this.options.turns.markEnding(taskId);
      }
    }
  }

  /** The run of a task here has lost ownership of it. It must be the only one of that task here: two cannot be distinguished. */
  lostOwnership(taskId: string): void {
    const run = this.options.turns.current(taskId);
    if (run) {
      run.lostOwnership ??= new OwnershipLostError(taskId);
    }
  }

  /**
   * A statement of a run is about to be sent.
   *
   * @throws RunBrokenError or OwnershipLostError if it must not be.
   */
  sends(statement: RunStatement): void {
    const run = this.#seen(statement.taskId);
    if (!run) {
      return;
    }
    const cause = causeOfFailure(statement, run);
    if (cause) {
      this.#break(statement.taskId, run, cause);
    }
    this.refuse(statement);
  }

  /** @throws RunBrokenError or OwnershipLostError if a statement of a run must not be sent. */
  refuse(statement: RunStatement): void {
    const { taskId, kind } = statement;
    const run = this.options.turns.current(taskId);
    const refusal = run?.lostOwnership ?? run?.brokenBy;
    // The run that waits has a heartbeat as well.
    const isOfLater =
      kind === 'heartbeat' && this.options.turns.isAwaited(taskId);
    if (refusal && needsOwnership(statement) && !isOfLater) {
      if (kind === 'line' || kind === 'read') {
        // The step fails with it, and so does each that follows. An action may go on without a checkpoint.
        this.options.turns.markEnding(taskId);
      }
      throw refusal;
    }
  }

  /** A statement of a run was carried out. */
  sent(statement: RunStatement): void {
    const run = this.options.turns.current(statement.taskId);
    if (!run || statement.kind !== 'line' || statement.status === undefined) {
      return;
    }
    run.hasReachedSteps = true;
    run.isInStep = statement.status === 'processing';
    run.hasFailed ||= statement.status === 'failed';
    run.unsaved = [];
  }

  /** A statement of a run has failed. */
  failed(statement: RunStatement, { error, wasSent }: QueryFailure): void {
    const run = this.options.turns.current(statement.taskId);
    const isLost = !wasSent || isConnectionLost(error);
    if (!run || run.hasFailed || !isLost || !isAwaited(statement)) {
      return;
    }
    if (statement.kind === 'save') {
      run.unsaved.push(error);
    } else {
      this.#break(statement.taskId, run, error);
    }
  }

  /**
   * The end of a task is about to be stored.
   *
   * @returns the fencing token of its run, if it is known: the end must not be stored once the task was queued again since.
   * @throws RunBrokenError if it is that of a broken run, OwnershipLostError if the run has lost ownership.
   */
  ends({ taskId, status }: TaskEnd): number | undefined {
    const run = this.#seen(taskId);
    this.options.turns.markEnding(taskId);
    const isBroken = !run?.hasFailed && status === 'failed';
    const refusal =
      run?.lostOwnership ?? (isBroken ? run?.brokenBy : undefined);
    if (refusal) {
      this.#endRefused({ taskId, status });
      throw refusal;
    }
    return run?.recoveredEvent;
  }

  /**
   * The end of a task was sent.
   *
   * @param isStored - whether the task was in progress until then
   */
  ended({ taskId, status }: TaskEnd, isStored: boolean): void {
    if (isStored) {
      this.options.turns.finish(taskId);
    } else {
      this.#endRefused({ taskId, status });
    }
  }

  /**
   * An end was not stored. Where that is `completed`, the scaffolder goes on to store `failed`, which is the last that a run sends
   * (`runOneTask`, 4.2.0).
   */
  #endRefused({ taskId, status }: TaskEnd): void {
    if (status === 'failed') {
      this.options.turns.finish(taskId);
    }
  }

  /**
   * A transaction of this process has failed for want of a connection. It may be one that was to store the end of a run. When that fails, the
   * scaffolder stores that the task has failed, or, if that fails as well, goes on to send its heartbeats (`runOneTask`,
   * `TaskManager.complete`, 4.2.0).
   */
  transactionFailed(error: Error): void {
    for (const [taskId, run] of this.options.turns.allCurrent()) {
      const isThrough = run.hasReachedSteps && !run.isInStep;
      const isRecent = this.#now() - run.lastSeenAt <= ENDING_MS;
      if (isThrough && isRecent && !this.options.hasFolder(taskId)) {
        this.options.turns.markEnding(taskId);
        this.#break(taskId, run, error);
      }
    }
  }

  #seen(taskId: string): GuardedRun | undefined {
    const run = this.options.turns.current(taskId);
    if (run) {
      run.lastSeenAt = this.#now();
    }
    return run;
  }

  #forgetEnded(): void {
    for (const [taskId, run] of this.options.turns.allCurrent()) {
      const isQuiet = this.#now() - run.lastSeenAt > FORGET_MS;
      if (isQuiet && !this.options.hasFolder(taskId)) {
        this.options.turns.forget(taskId);
      }
    }
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }

  #break(taskId: string, run: GuardedRun, error: Error): void {
    if (!run.brokenBy && !run.lostOwnership && this.options.wasReady()) {
      const problem = driverMessage(error);
      run.brokenBy = new RunBrokenError(taskId, problem);
      this.options.onBroken({ taskId, token: run.token, problem });
    }
  }
}

/** Whether a statement of a run that has lost ownership is refused. What an action logs does no harm. */
export function needsOwnership(statement: RunStatement): boolean {
  return statement.kind === 'heartbeat' || isAwaited(statement);
}

/** With what a record could not be saved that a step fails for, if a statement says that it does. */
function causeOfFailure(
  statement: RunStatement,
  run: GuardedRun,
): Error | undefined {
  return statement.kind === 'line' && statement.status === 'failed'
    ? run.unsaved.find(({ stack }) =>
        // The runner redacts what it writes (`markFailed`, 4.2.0).
        isRedactionOf(statement.message, String(stack)),
      )
    : undefined;
}
