import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Snapshots } from '../../../src/workspace/snapshots/Snapshots';
import { Stores } from '../../../src/workspace/stores/Stores';
import { SNAPSHOTS } from '../../../src/database/tables';
import { TASKS } from '../../../src/scaffolder/tables';
import { Sample, writeSample } from './sampleWorkspaces';

const limits = { maxBytes: 2e9, maxFiles: 1e6 };

/** A task with the files of a sample, as the module sees it. */
export class WorkspaceSite {
  private constructor(
    readonly knex: Knex,
    readonly sample: Sample,
    readonly taskId: string,
    readonly folder: string,
    private readonly snapshots: Snapshots,
    private readonly logger: LoggerService,
    private readonly stores: Stores,
  ) {}

  /** Begins a run, and writes the files. */
  static async create(
    knex: Knex,
    sample: Sample,
    stores: Stores,
    logger: LoggerService,
  ): Promise<WorkspaceSite> {
    const taskId = randomUUID();
    await knex(TASKS).insert({ id: taskId, spec: '{}', status: 'processing' });
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workspace-'));
    const snapshots = new Snapshots({ knex, limits, logger, stores });
    await snapshots.begin({
      taskId,
      path: folder,
      from: undefined,
      attempt: 1,
    });
    writeSample(folder, sample);
    return new WorkspaceSite(
      knex,
      sample,
      taskId,
      folder,
      snapshots,
      logger,
      stores,
    );
  }

  async take(): Promise<void> {
    await this.snapshots.take({ taskId: this.taskId, path: this.folder });
  }

  /** Restores the newest snapshot into another folder, by a process that has not seen anything of it. */
  async prepareRestore(folder: string): Promise<{
    restore: () => Promise<void>;
    stop: () => Promise<void>;
  }> {
    const { knex, logger, stores, taskId } = this;
    const from = await this.#newest();
    const snapshots = new Snapshots({ knex, limits, logger, stores });
    // Has the thread started.
    const empty = path.join(folder, 'empty');
    await snapshots.begin({ taskId, path: empty, from: undefined, attempt: 1 });
    const restored = path.join(folder, 'restored');
    return {
      restore: () =>
        snapshots.begin({ taskId, path: restored, from, attempt: 2 }),
      stop: () => snapshots.stop(),
    };
  }

  /** Begins a further run in the same folder with the newest snapshot. */
  async beginAgain(): Promise<void> {
    const { taskId, folder } = this;
    const from = await this.#newest();
    await this.snapshots.begin({ taskId, path: folder, from, attempt: 2 });
  }

  async #newest(): Promise<number> {
    const [{ newest }] = await this.knex(SNAPSHOTS)
      .where({ task_id: this.taskId, kind: 'files' })
      .max('number as newest');
    return newest;
  }

  /** Deletes what is stored. The folder is left, see `measureSample`. */
  async end(): Promise<void> {
    await this.snapshots.forget([this.taskId]);
    await this.snapshots.stop();
  }
}
