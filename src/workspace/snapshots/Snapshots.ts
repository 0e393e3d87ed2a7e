import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteSnapshots } from '../../database/operations/snapshots/ended/deleteSnapshots';
import {
  Begun,
  insertBegin,
} from '../../database/operations/snapshots/insertBegin';
import { markDamaged } from '../../database/operations/snapshots/markDamaged';
import { readNeeds } from '../../database/operations/snapshots/readNeeds';
import { readNewestSnapshot } from '../../database/operations/snapshots/readNewestSnapshot';
import { lockEnded } from '../../database/operations/tasks/locks/lockEnded';
import { isConnectionLost } from '../../database/connection/isConnectionLost';
import {
  formatNeeds,
  parseNeeds,
  SnapshotNeeds,
  uniteNeeds,
  whyUnreadable,
} from '../../decision/plan/snapshotNeeds';
import { safeError } from '../../util/safeError';
import { Limits } from '../engine/takeSnapshot';
import {
  FolderError,
  UnreadableError,
  WorkspaceError,
} from '../engine/tree/WorkspaceError';
import { deleteOrphans } from '../stores/deletion/deleteOrphans';
import { deleteStored } from '../stores/deletion/deleteStored';
import { expectStored } from '../stores/deletion/expectStored';
import { DatabasePackStore } from '../stores/DatabasePackStore';
import { Stores } from '../stores/Stores';
import { Run, RunContext } from './Run';
import { SnapshotListener } from './SnapshotListener';
import { readStoredManifests } from './storedManifests';
import { TaskLocks } from './TaskLocks';
import { EngineThread } from '../thread/EngineThread';

/** How long a run waits for the database before it fails, in ms. */
const RETRY_FOR = 60_000;

/** The first wait between two tries, in ms. It doubles up to the second one. */
const RETRY_AFTER = 200;
const MAX_RETRY_AFTER = 5_000;

/** In place of the row of a run that the database did not record. */
const UNRECORDED = 'unrecorded';

export type SnapshotsOptions = {
  knex: Knex;
  limits: Limits;
  logger: LoggerService;
  /** Where the content is kept. */
  stores: Stores;
  /** How long `begin` tries again while the database or the store cannot be reached, in ms. Default: one minute. */
  retryForMs?: number;
  listener?: SnapshotListener;
};

type BeginOptions = {
  taskId: string;
  path: string;
  from: number | undefined;
  attempt: number;
};

/**
 * The files of tasks: puts a workspace into the state in which a run begins, and stores it each time that something ran in it.
 *
 * All work on files is done in a thread; what is here talks to the database. What is done for one task is done one after another.
 */
export class Snapshots {
  /** The runs that this process began. */
  readonly #runs = new Map<string, Run>();
  /** The stores that the files of runs are in which are about to begin. */
  readonly #sources = new Map<string, string[]>();
  readonly #locks = new TaskLocks();
  readonly #context: RunContext;
  readonly #stopping = new AbortController();

  constructor(private readonly options: SnapshotsOptions) {
    const { knex, limits, logger, stores, listener } = options;
    const engine = new EngineThread({
      putPack: async (taskId, pack, content) => {
        this.#runs.get(taskId)?.addPack(pack);
        await stores.put(taskId, pack, content);
      },
      getPack: (taskId, pack) =>
        stores.get(taskId, pack, this.#sources.get(taskId) ?? []),
      readManifests: (taskId, number) =>
        readStoredManifests(knex, stores.keys, { taskId, number }),
    });
    this.#context = { knex, limits, logger, stores, engine, listener };
  }

  /**
   * Begins a run of a task in a folder, which is emptied and then filled with a snapshot. Takes the next epoch of the task: from then on
   * nothing is recorded for its earlier runs. Tries again for a while if the database or the store cannot be reached.
   *
   * The first run of a task does not need the database to begin. If that refuses to record it, the run goes on without snapshots, which is
   * logged. A later run cannot: its files would be taken for those of the run before it.
   *
   * @param run.path - the folder. It may hold the files of an earlier run
   * @param run.from - the number of the snapshot, or nothing for an empty workspace
   * @param run.attempt - the attempt that the run belongs to, for the record
   * @throws Error that says what was tried, if the workspace is not as it has to be.
   */
  async begin(run: BeginOptions): Promise<void> {
    await this.#locks.run(run.taskId, async () => {
      this.#runs.delete(run.taskId);
      await this.#dropEndedRuns();
      try {
        const begun = await this.#beginMeasured(run);
        if (begun) {
          this.#runs.set(run.taskId, begun);
        }
      } finally {
        this.#sources.delete(run.taskId);
      }
    });
  }

  /** Whether this process began the last run of a task, as far as it knows, and that has not ended. */
  hasBegun(taskId: string): boolean {
    return this.#runs.has(taskId);
  }

  /**
   * Records what is in the workspace after something ran in it. Does nothing for a run that this process did not begin.
   *
   * Never throws. What cannot be stored is logged once for each task.
   */
  async take(run: { taskId: string; path: string }): Promise<void> {
    await this.#locks.run(run.taskId, async () => {
      const begun = this.#runs.get(run.taskId);
      if (begun?.path === run.path && !this.#stopping.signal.aborted) {
        await begun.take();
      }
    });
  }

  /**
   * Deletes all that is stored of some tasks. A run of them that has not ended records nothing any more. What another store than the
   * database does not delete now is left to the `StoreCleaner`.
   *
   * @param options.ifEnded - whether nothing is deleted of a task that was started again meanwhile
   * @param options.leaveStores - whether all that other stores have is left to it. They can be slow
   * @throws what the database says. Then it is to be called again.
   */
  async forget(
    taskIds: string[],
    options: { ifEnded?: boolean; leaveStores?: boolean } = {},
  ): Promise<void> {
    for (const taskId of taskIds) {
      await this.#locks.run(taskId, async () => {
        if (!options.ifEnded) {
          // Whatever the database says, nothing more is stored of its run.
          await this.#drop(taskId);
        }
        if (!(await this.#deleteFromDatabase(taskId, options))) {
          return;
        }
        await this.#drop(taskId);
        if (!options.leaveStores) {
          await deleteStored({ ...this.#context, taskId });
        }
      });
    }
  }

  /** In one transaction, so that the content of a run that begins later is not deleted. */
  async #deleteFromDatabase(
    taskId: string,
    { ifEnded }: { ifEnded?: boolean },
  ): Promise<boolean> {
    return this.#context.knex.transaction(async tx => {
      if (ifEnded && !(await lockEnded(tx, taskId))) {
        return false;
      }
      await deleteSnapshots(tx, taskId);
      // Also if the database is not configured as a store any more.
      const database = new DatabasePackStore(tx);
      await database.delete(taskId, await database.list(taskId));
      return true;
    });
  }

  /** Ends the thread. What is under way is given up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#context.engine.stop();
  }

  /** Nothing if the run goes on without snapshots. */
  async #beginMeasured(options: BeginOptions): Promise<Run | undefined> {
    const begin = performance.now();
    let result: 'ok' | 'failed' = 'failed';
    try {
      const run = await this.#beginPatiently(options);
      result = 'ok';
      return run;
    } finally {
      if (options.from !== undefined) {
        const seconds = (performance.now() - begin) / 1000;
        this.#context.listener?.restored(seconds, result);
      }
    }
  }

  async #beginPatiently(options: BeginOptions): Promise<Run | undefined> {
    const { engine, logger, stores } = this.#context;
    const { taskId, path, from } = options;
    const { signal } = this.#stopping;
    const deadline = Date.now() + (this.options.retryForMs ?? RETRY_FOR);
    let source: SnapshotNeeds | undefined;
    let begun: Begun | typeof UNRECORDED | undefined;
    for (let tries = 1; ; tries++) {
      try {
        source ??= await this.#readSource(options);
        const needs = uniteNeeds(source, stores.written);
        begun ??= await this.#record(options, needs);
        const number = begun === UNRECORDED ? 0 : begun.number;
        this.#sources.set(taskId, source.stores);
        await engine.call('restore', { taskId, path, from, number });
        if (begun !== UNRECORDED) {
          if (begun.epoch > 1) {
            await this.#deleteOrphans(taskId, number);
          }
          return new Run(this.#context, taskId, path, begun, needs);
        }
        await engine.tell('drop', taskId);
        return undefined;
      } catch (error) {
        const isFinal =
          error instanceof WorkspaceError || Date.now() >= deadline;
        if (isFinal || signal.aborted) {
          await this.#forgetIfDamaged(options, error);
          throw restoreError(options, tries, error);
        }
        logger.warn(
          `Could not restore the workspace of task ${taskId}, trying again`,
          safeError(error),
        );
        const delay = Math.min(RETRY_AFTER * 2 ** (tries - 1), MAX_RETRY_AFTER);
        await sleep(delay, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** What the files that a run begins with are read with. */
  async #readSource({ taskId, from }: BeginOptions): Promise<SnapshotNeeds> {
    const { knex, stores } = this.#context;
    const row =
      from === undefined
        ? undefined
        : await readNeeds(knex, { taskId, number: from });
    if (!row) {
      return { stores: [], keys: [] };
    }
    const needs = parseNeeds(row.needs);
    const problem = whyUnreadable(needs, stores.readable);
    if (problem) {
      throw new UnreadableError(
        `Snapshot ${from} cannot be read: ${problem}. Add it, or the task runs without these files once it is retried`,
      );
    }
    return needs;
  }

  /** Records that a run begins. Without it goes on what needs no record, if the database refuses: its user may not write to the table. */
  async #record(
    options: BeginOptions,
    needs: SnapshotNeeds,
  ): Promise<Begun | typeof UNRECORDED> {
    const { knex, logger, listener, stores } = this.#context;
    const { taskId, from } = options;
    try {
      await expectStored(knex, { taskId, stores });
      return await insertBegin(knex, {
        ...options,
        base: from,
        needs: formatNeeds(needs),
      });
    } catch (error) {
      if (isConnectionLost(error) || !(await this.#isFirst(options))) {
        throw error;
      }
      logger.warn(
        `No snapshots are made of task ${taskId} in this run, since it could not be recorded that it begins. If it is interrupted, more of its steps run again.`,
        safeError(error),
      );
      listener?.skipped('store');
      return UNRECORDED;
    }
  }

  /**
   * Whether a run needs no files, and there is no row of the task that could count for it. An earlier run that has a row still owns the
   * newest epoch, so that its snapshots, also of a stalled process, would look as if this run had made them.
   */
  async #isFirst({ taskId, from }: BeginOptions): Promise<boolean> {
    const { knex } = this.#context;
    return from === undefined && !(await readNewestSnapshot(knex, taskId));
  }

  /** A retry would fail at the same. Without this snapshot it is planned otherwise. */
  async #forgetIfDamaged(
    { taskId, from }: BeginOptions,
    error: unknown,
  ): Promise<void> {
    const isDamaged =
      error instanceof WorkspaceError &&
      !(error instanceof FolderError) &&
      !(error instanceof UnreadableError);
    if (isDamaged && from !== undefined) {
      const problem = error.message;
      const { knex, logger } = this.#context;
      logger.warn(
        `Task ${taskId} could not begin with snapshot ${from}. ${problem}. If the task is retried, it is planned without that snapshot.`,
      );
      await markDamaged(knex, { taskId, number: from, problem }).catch(
        failure =>
          logger.warn(
            `Could not record that snapshot ${from} of task ${taskId} cannot be restored`,
            safeError(failure),
          ),
      );
    }
  }

  /** What earlier runs stored and did not record. What cannot be deleted now is deleted by a later run, or with the task. */
  async #deleteOrphans(taskId: string, newest: number): Promise<void> {
    const { knex, stores, logger } = this.#context;
    try {
      await deleteOrphans({ knex, stores, taskId, newest });
    } catch (error) {
      logger.debug(
        `Could not look for packs of task ${taskId} that no snapshot has`,
        safeError(error),
      );
    }
  }

  /** A run ends with its folder, and nobody says so. */
  async #dropEndedRuns(): Promise<void> {
    for (const { taskId, path } of [...this.#runs.values()]) {
      if (!(await exists(path))) {
        await this.#drop(taskId);
      }
    }
  }

  async #drop(taskId: string): Promise<void> {
    if (this.#runs.delete(taskId)) {
      await this.#context.engine.tell('drop', taskId);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return fs.access(path).then(
    () => true,
    error => error.code !== 'ENOENT',
  );
}

function restoreError(
  { taskId, from }: BeginOptions,
  tries: number,
  error: unknown,
): Error {
  const what =
    from === undefined
      ? 'an empty workspace'
      : `the workspace as of snapshot ${from}`;
  return new Error(
    `Could not begin the run of task ${taskId} with ${what}, tried ${tries} times. ${safeError(error).message}. Nothing has run; the task can be retried once that is mended.`,
  );
}
