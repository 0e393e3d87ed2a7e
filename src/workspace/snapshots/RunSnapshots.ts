import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { Begun } from '../../database/operations/snapshots/insertBegin';
import { insertManifest } from '../../database/operations/snapshots/content/insertManifest';
import { insertSnapshot } from '../../database/operations/snapshots/insertSnapshot';
import { isConnectionLost } from '../../database/connection/isConnectionLost';
import { readNewestSnapshot } from '../../database/operations/snapshots/readNewestSnapshot';
import { safeError } from '../../util/safeError';
import { toBuffer } from '../../util/toBuffer';
import { Limits } from '../engine/takeSnapshot';
import { StoreError } from '../errors';
import { encryptManifest } from '../encryption/encryptedManifest';
import { formatNeeds, SnapshotNeeds } from '../../decision/plan/snapshotNeeds';
import { expectStored } from '../stores/deletion/expectStored';
import { Stores } from '../stores/Stores';
import { SnapshotListener } from './SnapshotListener';
import { EngineThread } from '../thread/EngineThread';
import { TakenSnapshot } from '../thread/worker';

/**
 * How long a snapshot is tried again that failed for want of a connection, in ms. What the scaffolder stores next, the state of the task, it
 * tries only once, so that a step which waits here outlives an outage at which it would have failed.
 */
const RETRY_FOR = 10_000;
const RETRY_AFTER = 250;

/** What is recorded of a workspace that the store or the database did not take. */
const NOT_STORED: TakenSnapshot = {
  changed: null,
  missing: 'The files could not be stored when the step ended',
  files: 0,
  bytes: 0,
  storedBytes: 0,
  skipped: [],
};

/** What a run needs of its process. */
export type RunContext = {
  knex: Knex;
  limits: Limits;
  logger: LoggerService;
  stores: Stores;
  engine: EngineThread;
  listener?: SnapshotListener;
};

/** The snapshots of a run that this process began: takes and records them as long as it is the newest run of its task. */
export class RunSnapshots {
  /** The number of the row that was recorded last. */
  #number: number;
  readonly #epoch: number;
  #isRefused = false;

  /** Packs of the snapshot that is being taken. */
  #packs: string[] = [];
  /** Packs that nothing refers to. */
  #garbage: string[] = [];
  /**
   * Packs of a snapshot of which it is not known whether it was recorded: the connection was lost with the commit. The database may still
   * be at it, so they are kept until another row has the number.
   */
  #uncertain?: string[];

  readonly #logged = new Set<string>();

  constructor(
    private readonly context: RunContext,
    readonly taskId: string,
    readonly path: string,
    begun: Begun,
    /** What its snapshots need to be read. */
    private readonly needs: SnapshotNeeds,
  ) {
    this.#number = begun.number;
    this.#epoch = begun.epoch;
  }

  /** To be called before a pack of this run is stored. */
  addPack(pack: string): void {
    this.#packs.push(pack);
  }

  /** Takes a snapshot and records it. Never throws: without it, more steps run again if the task is interrupted. */
  async take(): Promise<void> {
    if (this.#isRefused) {
      return;
    }
    const { taskId } = this;
    const { listener } = this.context;
    let recorded: number | undefined;
    try {
      recorded = await this.#takeWithRetries();
    } catch (error) {
      listener?.skipped('store');
      this.#logOnce(
        'failed',
        `Could not store the workspace of task ${taskId}. If it is interrupted now, more of its steps run again.`,
        error,
      );
      await this.#recordMissing();
    }
    this.#garbage.push(...this.#packs.splice(0));
    await this.#deleteGarbage();
    await this.context.engine.tell('settle', taskId, recorded);
  }

  async #takeWithRetries(): Promise<number | undefined> {
    const deadline = performance.now() + RETRY_FOR;
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1 && (await this.#findUncertain())) {
          return this.#number;
        }
        return await this.#takeAndRecord();
      } catch (error) {
        if (!isPassing(error) || performance.now() > deadline) {
          throw error;
        }
        this.#garbage.push(...this.#packs.splice(0));
        await sleep(RETRY_AFTER, undefined, { ref: false });
      }
    }
  }

  async #takeAndRecord(): Promise<number | undefined> {
    await this.#findUncertain();
    const { engine, limits, listener } = this.context;
    const begin = performance.now();
    const { taskId, path } = this;
    const [snapshot, parts] = await engine.call('take', {
      taskId,
      path,
      number: this.#number,
      limits,
    });
    this.#logIncomplete(snapshot);
    const recorded = await this.#record(snapshot, parts.map(toBuffer));
    if (recorded === undefined) {
      if (await this.#findUncertain()) {
        throw new Error('The snapshot before it was recorded after all');
      }
      this.#isRefused = true;
      await engine.tell('drop', taskId);
      this.#logOnce(
        'refused',
        `The workspace of task ${taskId} was not stored: the task was deleted, or another run of it has begun since and this one has lost ownership.`,
      );
      return undefined;
    }
    this.#advance(recorded);
    if (snapshot.missing) {
      listener?.skipped('workspace');
    } else {
      const seconds = (performance.now() - begin) / 1000;
      listener?.taken(seconds, snapshot.storedBytes);
    }
    return recorded;
  }

  /**
   * Records that there is no snapshot of the workspace as it is now. Without that row, the snapshot of a step's checkpoint would be taken for
   * that of its end: both come after the same event. Tried once, since it follows retries; a database that does not take it
   * hardly takes the end of the step, which is written next.
   */
  async #recordMissing(): Promise<void> {
    this.#garbage.push(...this.#packs.splice(0));
    try {
      const number = await this.#record(NOT_STORED, []);
      if (number !== undefined) {
        this.#advance(number);
        await this.context.engine.tell('skip', this.taskId, number);
      }
    } catch (error) {
      this.context.logger.debug(
        `Could not record that the workspace of task ${this.taskId} is not stored`,
        safeError(error),
      );
    }
  }

  #advance(number: number): void {
    this.#number = number;
    this.#packs = [];
    this.#garbage.push(...(this.#uncertain ?? []));
    this.#uncertain = undefined;
  }

  /** The number of the row, or nothing if it was refused. */
  async #record(
    snapshot: TakenSnapshot,
    parts: Buffer[],
  ): Promise<number | undefined> {
    const { skipped: _, missingAt: __, ...row } = snapshot;
    let isCommitted = false;
    try {
      return await this.context.knex.transaction(async tx => {
        const number = await insertSnapshot(tx, {
          ...row,
          taskId: this.taskId,
          epoch: this.#epoch,
          base: this.#number,
          needs: formatNeeds(this.needs),
          packs: this.#packs,
        });
        if (number !== undefined) {
          const manifest = { taskId: this.taskId, number };
          await insertManifest(tx, {
            ...manifest,
            parts: encryptManifest(this.context.stores.keys, manifest, parts),
          });
        }
        isCommitted = number !== undefined;
        return number;
      });
    } catch (error) {
      if (isCommitted) {
        this.#uncertain = [
          ...(this.#uncertain ?? []),
          ...this.#packs.splice(0),
        ];
      }
      throw error;
    }
  }

  /** Whether the snapshot of which it was not known was recorded. Then the next one builds on it. */
  async #findUncertain(): Promise<boolean> {
    if (!this.#uncertain) {
      return false;
    }
    const newest = await readNewestSnapshot(this.context.knex, this.taskId);
    const isOurs =
      newest?.number === this.#number + 1 && newest.epoch === this.#epoch;
    if (isOurs) {
      this.#number = newest.number;
      this.#uncertain = undefined;
      // It may know of a later one, which was not recorded.
      await this.context.engine.tell('drop', this.taskId);
    }
    return isOurs;
  }

  /** What cannot be deleted now is deleted the next time, or with the task. */
  async #deleteGarbage(): Promise<void> {
    if (this.#garbage.length === 0) {
      return;
    }
    const { taskId } = this;
    const { knex, stores } = this.context;
    try {
      if (this.#isRefused) {
        // The cleaner may have been here before these packs were stored.
        await expectStored(knex, { taskId, stores });
      }
      await stores.delete(taskId, this.#garbage);
      this.#garbage = [];
    } catch (error) {
      this.context.logger.debug(
        `Could not delete ${this.#garbage.length} packs of task ${this.taskId}`,
        safeError(error),
      );
    }
  }

  #logIncomplete({ missing, missingAt, skipped }: TakenSnapshot): void {
    if (missing) {
      this.#logOnce(
        'missing',
        `The workspace of task ${this.taskId} is not stored. ${missing}${missingAt ? ` (${missingAt})` : ''}. If it is interrupted now, more of its steps run again.`,
      );
    }
    if (skipped.length > 0) {
      this.#logOnce(
        'skipped',
        `Task ${this.taskId}: FIFOs, sockets and devices in its workspace are not stored, among them ${skipped.slice(0, 3).join(', ')}.`,
      );
    }
  }

  #logOnce(topic: string, message: string, error?: unknown): void {
    if (!this.#logged.has(topic)) {
      this.#logged.add(topic);
      this.context.logger.warn(message, error ? safeError(error) : undefined);
    }
  }
}

/** Whether it is worth waiting: not for a store outside of the database, which nothing else of the task needs. */
function isPassing(error: unknown): boolean {
  return !(error instanceof StoreError) && isConnectionLost(error);
}
