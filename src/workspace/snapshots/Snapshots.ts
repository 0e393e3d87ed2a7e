import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import fs from 'node:fs/promises';
import { deleteSnapshots } from '../../database/operations/snapshots/ended/deleteSnapshots';
import { lockEnded } from '../../database/operations/tasks/locks/lockEnded';
import { Limits } from '../engine/takeSnapshot';
import { deleteStored } from '../stores/deletion/deleteStored';
import { DatabasePackStore } from '../stores/DatabasePackStore';
import { Stores } from '../stores/Stores';
import { BeginContext, BeginOptions, beginRun } from './beginRun';
import { RunSnapshots } from './RunSnapshots';
import { SnapshotListener } from './SnapshotListener';
import { readStoredManifests } from './storedManifests';
import { TaskLocks } from './TaskLocks';
import { EngineThread } from '../thread/EngineThread';

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

/**
 * The files of tasks: puts a workspace into the state in which a run begins, and stores it each time that something ran in it.
 *
 * All work on files is done in a thread; what is here talks to the database. What is done for one task is done one after another.
 */
export class Snapshots {
  /** The runs that this process began. */
  readonly #runs = new Map<string, RunSnapshots>();
  readonly #locks = new TaskLocks();
  readonly #context: BeginContext;
  readonly #stopping = new AbortController();

  constructor(options: SnapshotsOptions) {
    const { knex, stores } = options;
    const sources = new Map<string, string[]>();
    const engine = new EngineThread({
      putPack: async (taskId, pack, content) => {
        this.#runs.get(taskId)?.addPack(pack);
        await stores.put(taskId, pack, content);
      },
      getPack: (taskId, pack) =>
        stores.get(taskId, pack, sources.get(taskId) ?? []),
      readManifests: (taskId, number) =>
        readStoredManifests(knex, stores.keys, { taskId, number }),
    });
    const { signal } = this.#stopping;
    this.#context = { ...options, engine, sources, signal };
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
      const begun = await beginRun(this.#context, run);
      if (begun) {
        this.#runs.set(run.taskId, begun);
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
