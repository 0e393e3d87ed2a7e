import { Knex } from 'knex';
import { onConnection } from '../../database/connection/onConnection';
import { appendTaskEvents } from '../../database/operations/taskEvents/appendTaskEvents';
import { resetAttemptsUsed } from '../../database/operations/attempts/resetAttemptsUsed';
import { listRuns } from '../../database/operations/runs/listRuns';
import {
  isInFlight,
  readOwnership,
} from '../../database/operations/runs/readOwnership';
import {
  readFencingToken,
  FencingToken,
} from '../../database/operations/runs/readFencingToken';
import { readStepEvents } from '../../database/operations/taskEvents/readStepEvents';
import { recordClaim } from '../../database/operations/attempts/outcomes/recordClaim';
import {
  Claim,
  deleteClaim,
  saveClaims,
} from '../../database/operations/processes/claims';
import { renewHeartbeat } from '../../database/operations/runs/renewHeartbeat';
import { waitForWriter } from '../../database/operations/runs/waitForWriter';
import { withdrawAttempt } from '../../database/operations/attempts/withdrawAttempt';
import { readHistory } from '../../decision/plan/history';
import { HEARTBEAT_INTERVAL_SECONDS } from '../../scaffolder/intervals';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { readTokenOfClaim } from './readTokenOfClaim';

/**
 * A run makes its folder shortly after the claim, unless a workspace provider restores files first. One that has made none for this
 * long does not count as alive until it has made one: meanwhile the scaffolder's own heartbeat counts.
 */
const BEGIN_MS = 10_000;

/** A heartbeat was missed. */
const BEHIND_SECONDS = 2 * HEARTBEAT_INTERVAL_SECONDS;

/**
 * For so long after it was seen that a run owns its task, and its heartbeat was at most `BEHIND_SECONDS` old, nobody can have decided on the
 * task: nothing counts as interrupted before it was silent for five seconds.
 */
const VERIFIED_MS = 2_500;

type Run = {
  claimedAt: number;
  /** The name of the transaction that claimed it. */
  transaction?: string;
  hasBegun: boolean;
  /** It had made no folder for `BEGIN_MS`. */
  isLate: boolean;
  /** An event announced the end of its task. It may be the end of another process's run of the same task. */
  isEndAnnounced: boolean;
  /** Fences this run: what there was before it. Nothing if it could not be read. */
  token: Promise<FencingToken | undefined>;
  /** An earlier run of the same task that was still alive here when it was claimed again. */
  earlier?: Run;
  /** It waits for an earlier one to end. */
  isWaiting?: boolean;
  /** When it could make its folder, if that was later than its claim, by the clock. */
  couldBeginAt?: number;
  isLossReported?: boolean;
  /** When it was last seen that it owns its task, by the clock. Nothing until its token is known. */
  verifiedAt?: number;
  isRolledBack?: boolean;
  /** What was recorded of the claim, if it was. */
  claim?: Claim;
  /** It was recorded since the run has begun. */
  isClaimSure?: boolean;
};

/** A task that somebody else runs, or has closed, while a run of it is alive here. */
export type LostOwnership = { taskId: string; message: string };

/**
 * The runs that are alive in this process. When one heartbeat query of a run fails, the scaffolder (4.2.0) never beats for
 * that task again, though the run goes on. So the process renews the heartbeats of its runs that have fallen behind.
 *
 * It owns the runs that it claimed with its own statements (`watchClaims`). A run is alive while its folder exists: the scaffolder
 * removes the folder when a run ends, also when its end cannot be stored. A run is forgotten when its folder is gone, when its end was refused
 * (`watchRuns`), or, as long as it has made none, when by the database its task has ended or was queued again since.
 */
export class OwnedRuns {
  readonly #runs = new Map<string, Run>();
  /** Those that were found and not yet reported. */
  readonly #lostOwnership: LostOwnership[] = [];

  constructor(
    private readonly options: {
      knex: Knex;
      folders: RunFolders;
      /** The number of this process, once it has one. Without one, others do not know which process has claimed a task. */
      processNumber?: () => number | undefined;
      /** Called when a task was claimed, with the fencing token of its run: the last `recovered` event before it, unless it could not be read. */
      onClaimed?: (taskId: string, token: Promise<number | undefined>) => void;
      /** Called when the run of a task has lost ownership, and again while it goes on. Not if two runs of the task are alive here. */
      onLostOwnership?: (taskId: string) => void;
      /** Called when the claim of a task failed after all. */
      onRolledBack?: (taskId: string) => void;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /**
   * This process has claimed a task. It counts as alive from this call on, which need not be waited for.
   *
   * @param transaction - the name of the transaction that claims it, see `rolledBack`
   * @returns when it is known what there was before this run, if it could be read, and the claim is recorded.
   */
  async claimed(taskId: string, transaction?: string): Promise<void> {
    const claimedAt = this.#now();
    const token = this.#readToken(taskId, claimedAt).catch(() => undefined);
    const earlier = this.#hasBegun(taskId) ? this.#runs.get(taskId) : undefined;
    const run: Run = {
      claimedAt,
      transaction,
      hasBegun: false,
      isLate: false,
      isEndAnnounced: false,
      token,
      // It was decided on as dead, and this run reclaims its task. A run that has ended leaves its folder if that cannot be removed.
      earlier: earlier?.isEndAnnounced ? undefined : earlier,
    };
    this.#runs.set(taskId, run);
    this.options.onClaimed?.(
      taskId,
      this.#tokenOf(taskId, run).then(
        ({ recoveredEvent }) => recoveredEvent,
        () => undefined,
      ),
    );
    const known = await token;
    if (!known || this.#runs.get(taskId) !== run) {
      return;
    }
    run.verifiedAt = run.claimedAt;
    // What fails here is made up for by `renewHeartbeats`, and by `AttemptTracker`.
    await this.#saveClaim(taskId, run, known).catch(() => {});
    if (known.attempt) {
      const { attempt } = known;
      await recordClaim(this.options.knex, { taskId, attempt }).catch(() => {});
    }
  }

  /** A transaction of this process has failed. What it had claimed is not claimed, and what was alive before is as it was. */
  rolledBack(transaction: string): void {
    for (const [taskId, run] of this.#runs) {
      if (run.transaction === transaction) {
        this.#runs.delete(taskId);
        run.isRolledBack = true;
        this.options.onRolledBack?.(taskId);
        if (run.claim) {
          this.#withdraw(run.claim);
        }
        if (run.earlier) {
          run.earlier.isClaimSure = false;
          this.#runs.set(taskId, run.earlier);
        }
      }
    }
  }

  /**
   * A task is about to end, here or, if events travel between processes, elsewhere. A task that ends by itself has made progress: its
   * attempts do not count any more. A run of it that is alive here stays known until the database confirms the end.
   */
  async ended(taskId: string): Promise<void> {
    const run = this.#runs.get(taskId);
    if (run) {
      run.isEndAnnounced = true;
    }
    await resetAttemptsUsed(this.options.knex, taskId);
  }

  /**
   * The run of a task here is over without its end being stored, so its folder says nothing any more: it may not have been possible to remove
   * it. With two runs of the task here, it is not known which of them is over, and they stay known.
   */
  over(taskId: string): void {
    if (!this.isDoubled(taskId)) {
      this.#runs.delete(taskId);
    }
  }

  /** The run of a task that was claimed last waits for an earlier one to end, which has the folder. Until then it is alive. */
  waits(taskId: string): void {
    const run = this.#runs.get(taskId);
    if (run) {
      run.isWaiting = true;
      // A run that waits is one whose claim was committed.
      run.hasBegun = true;
    }
  }

  /** It need not wait any more, and is about to make its folder. It is the only one of its task here. */
  takesTurn(taskId: string): void {
    const run = this.#runs.get(taskId);
    if (run) {
      run.earlier = undefined;
      run.isWaiting = false;
      run.hasBegun = false;
      run.isLate = false;
      run.isLossReported = false;
      run.couldBeginAt = this.#now();
    }
  }

  /** Whether a task is being run by this process. */
  isAlive(taskId: string): boolean {
    const run = this.#runs.get(taskId);
    if (!run) {
      return false;
    }
    if (run.isWaiting) {
      return true;
    }
    if (this.options.folders.has(taskId)) {
      // Of a late one it may be another process's, on a working directory that they share: `#settleUnbegun` tells.
      run.hasBegun ||= !run.isLate;
      return true;
    }
    if (run.hasBegun) {
      // It ended, whether its end was stored or not.
      this.#runs.delete(taskId);
      return false;
    }
    run.isLate ||=
      this.#now() - (run.couldBeginAt ?? run.claimedAt) >= BEGIN_MS;
    return !run.isLate;
  }

  /** Whether an earlier run of a task was still alive here when this process claimed it again. Both use one folder. */
  isDoubled(taskId: string): boolean {
    const run = this.#runs.get(taskId);
    return run !== undefined && isSecond(run);
  }

  /** Whether this process has claimed tasks whose runs may not have ended. */
  ownsAny(): boolean {
    // Forgets those that have ended.
    this.countAlive();
    return this.#runs.size > 0;
  }

  /**
   * Renews the heartbeats that have fallen behind, and finds the runs that have lost ownership of their tasks.
   *
   * @returns how many heartbeats were renewed, and the tasks whose runs were newly found to have lost ownership.
   */
  async renewHeartbeats(): Promise<{
    renewed: number;
    lostOwnership: LostOwnership[];
  }> {
    const { knex } = this.options;
    let renewed = 0;
    await this.#settleUnbegun();
    const alive = [...this.#runs.keys()].filter(id => this.isAlive(id));
    const begin = this.#now();
    const rows = await listRuns(knex, alive, BEHIND_SECONDS);
    for (const row of rows) {
      const run = this.#runs.get(row.id);
      if (run && (await this.#renewIfBehind(knex, run, row, begin))) {
        renewed += 1;
      }
    }
    // What fails here is made up for by the next call. It must not keep the caller from the runs that have lost ownership.
    await this.#saveClaimsOfBegun(rows.map(({ id }) => id)).catch(() => {});
    return { renewed, lostOwnership: this.#lostOwnership.splice(0) };
  }

  /**
   * To be called when a statement of a run is about to be sent. It may have waited for a connection, or its process may have been stopped,
   * while others took the process for dead and decided on the task: what it stores would count as done by the run that follows, in whose
   * workspace it was not. Costs two queries, unless the run was seen to own its task a moment ago, as it is once a second.
   *
   * @param connection - on which the statement is sent
   * @throws what the database says if it does not answer.
   */
  async verifyOwnership(taskId: string, connection: unknown): Promise<void> {
    const run = this.#runs.get(taskId);
    const begin = this.#now();
    if (run?.verifiedAt === undefined || begin - run.verifiedAt < VERIFIED_MS) {
      return;
    }
    const knex = onConnection(this.options.knex, connection);
    await waitForWriter(knex, taskId);
    const [row] = await listRuns(knex, [taskId], BEHIND_SECONDS);
    if (row && this.#runs.get(taskId) === run) {
      await this.#renewIfBehind(knex, run, row, begin);
    }
  }

  /** How many tasks are being run by this process. */
  countAlive(): number {
    return [...this.#runs.keys()].filter(id => this.isAlive(id)).length;
  }

  /**
   * The ids of the tasks of which a run has begun here and is alive. A claim alone is none: it is known before it is committed
   * (`claimTask`, 4.2.0), and when that fails another process claims the task.
   */
  begun(): string[] {
    return [...this.#runs.keys()].filter(id => this.#hasBegun(id));
  }

  /** The fencing token of the run of each of the tasks: the id of the last `recovered` event before it, 0 if there was none. */
  async fencingTokens(
    taskIds: string[],
  ): Promise<{ taskId: string; recoveredEvent: number }[]> {
    return Promise.all(
      taskIds.map(async taskId => {
        const run = this.#runs.get(taskId);
        const token = run
          ? await this.#tokenOf(taskId, run)
          : await readFencingToken(this.options.knex, taskId);
        return { taskId, recoveredEvent: token.recoveredEvent };
      }),
    );
  }

  /**
   * Renews the heartbeat of a run that has fallen behind, and finds whether it has lost ownership of its task.
   *
   * @param row - what was read of it since `begin`
   * @returns whether it was renewed.
   */
  async #renewIfBehind(
    knex: Knex,
    run: Run,
    row: Awaited<ReturnType<typeof listRuns>>[number],
    begin: number,
  ): Promise<boolean> {
    const token = await this.#tokenOf(row.id, run);
    const isDecided = row.attempt > token.attempt;
    // Open is what it shows as until the further claim is committed.
    const isFurther = isSecond(run) && row.status !== 'open';
    if (run.isEndAnnounced && !isInFlight(row.status) && !isDecided) {
      // It ended by itself, and its folder could not be removed.
      this.#runs.delete(row.id);
      return false;
    }
    if (!row.isBehind && !isDecided && !isFurther) {
      run.verifiedAt = begin;
      return false;
    }
    const isStillOurs = await renewHeartbeat(knex, row.id, token);
    const isLost = isFurther || (isDecided && !isStillOurs);
    // This process may have claimed the task again meanwhile: that run must not be refused.
    const isSame = this.#runs.get(row.id) === run;
    if (isLost && isSame && !this.isDoubled(row.id)) {
      this.options.onLostOwnership?.(row.id);
    }
    if (isLost && !run.isLossReported && this.isAlive(row.id)) {
      run.isLossReported = true;
      this.#lostOwnership.push({
        taskId: row.id,
        message: `reclaimed by attempt ${row.attempt} while a stalled or disconnected backend still ran it. The earlier run lost ownership; its effects may have happened twice`,
      });
    } else if (isDecided && isStillOurs) {
      // Nobody had claimed the task since the decision, so this run keeps it.
      await withdrawAttempt(knex, { taskId: row.id, attempt: row.attempt });
      token.attempt = row.attempt;
    }
    if (isStillOurs) {
      run.verifiedAt = begin;
    }
    return isStillOurs;
  }

  /** Writes into the log of a task that two runs of it were alive at once. */
  async warn({ taskId, message }: LostOwnership): Promise<void> {
    const { knex } = this.options;
    const events = await readStepEvents(knex, [taskId]);
    const { running, reached } = readHistory(events.get(taskId));
    const stepId = running[0] ?? reached.at(-1);
    await knex.transaction(tx =>
      appendTaskEvents(tx, [
        {
          taskId,
          type: 'log',
          body: { message: `Warning: this task was ${message}`, stepId },
        },
      ]),
    );
  }

  /** Records that this process has claimed a task. The claim may not be committed yet. */
  async #saveClaim(
    taskId: string,
    run: Run,
    { recoveredEvent }: FencingToken,
  ): Promise<void> {
    const process = this.options.processNumber?.();
    if (process === undefined) {
      return;
    }
    run.claim = { taskId, process, recoveredEvent };
    await saveClaims(this.options.knex, [run.claim]);
    if (run.isRolledBack) {
      this.#withdraw(run.claim);
    }
  }

  /** Whoever claims the task next may not record that, such as an earlier release of this module. */
  #withdraw(claim: Claim): void {
    deleteClaim(this.options.knex, claim).catch(() => {});
  }

  /**
   * Records the claims of runs that have begun, once more, and those that could not be recorded before. A claim of another process that
   * was rolled back may have been recorded after the one of this process.
   */
  async #saveClaimsOfBegun(taskIds: string[]): Promise<void> {
    const process = this.options.processNumber?.();
    const unsure = taskIds.filter(
      id => this.#hasBegun(id) && !this.#runs.get(id)!.isClaimSure,
    );
    if (process === undefined || unsure.length === 0) {
      return;
    }
    const runs = unsure.map(id => this.#runs.get(id)!);
    const tokens = await this.fencingTokens(unsure);
    await saveClaims(
      this.options.knex,
      tokens.map(token => ({ ...token, process })),
    );
    for (const run of runs) {
      run.isClaimSure = true;
    }
  }

  /** Asks the database about the runs that have made no folder yet, or so late that it may be another process's. */
  async #settleUnbegun(): Promise<void> {
    for (const [taskId, run] of [...this.#runs]) {
      // Before the database is asked: a folder that was there before another run could begin is that of this one.
      const hasLateFolder = this.isAlive(taskId) && run.isLate;
      if (run.hasBegun) {
        continue;
      }
      const task = await readOwnership(
        this.options.knex,
        taskId,
        await this.#tokenOf(taskId, run),
      );
      if (this.#runs.get(taskId) !== run) {
        continue;
      }
      if (!task.isInFlight || (run.isLate && task.isFenced)) {
        this.#runs.delete(taskId);
      } else if (hasLateFolder) {
        run.hasBegun = true;
      }
    }
  }

  async #tokenOf(taskId: string, run: Run): Promise<FencingToken> {
    const token =
      (await run.token) ?? (await this.#readToken(taskId, run.claimedAt));
    run.token = Promise.resolve(token);
    return token;
  }

  async #readToken(taskId: string, claimedAt: number): Promise<FencingToken> {
    const claim = { taskId, claimedAt };
    return readTokenOfClaim(this.options.knex, claim, () => this.#now());
  }

  #hasBegun(taskId: string): boolean {
    return this.isAlive(taskId) && this.#runs.get(taskId)!.hasBegun;
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}

/** Whether an earlier run of the same task was alive here when this one was claimed, and has not ended. */
function isSecond(run: Run): boolean {
  return run.earlier !== undefined || run.isWaiting === true;
}
