import { LoggerService } from '@backstage/backend-plugin-api';
import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { UUID } from '../../util/uuid';

const WORKSPACE = new RegExp(`^${UUID}$`, 'i');
const SET_ASIDE = new RegExp(`^${UUID}\\.interrupted-${UUID}$`, 'i');

/**
 * The folders in which tasks run on this host: `<working directory>/<task id>`. The scaffolder makes one shortly after a
 * claim and removes it when the run ends (the runner's `execute`, @backstage/plugin-scaffolder-backend 4.2.0),
 * so one that a killed process left behind stays, and a task that runs here again would run on what is in it.
 *
 * Nothing else in that directory, which may be the system's temp folder, is ever touched.
 */
export class RunFolders {
  /** The inodes of the folders that were there before this process ran anything, by the id of the task. */
  readonly #existing = new Map<string, number>();

  constructor(
    private readonly directory: string,
    private readonly logger: LoggerService,
  ) {}

  /** The ids of all tasks that have a folder here. */
  async list(): Promise<string[]> {
    return (await this.#folders()).filter(name => WORKSPACE.test(name));
  }

  /**
   * Takes a task's folder away, so that its next run starts in an empty one. Quick, whatever is in the folder: it is
   * renamed now and deleted in the background. Synchronous, so that nothing can happen in between.
   *
   * @throws if there is a folder and it cannot be renamed.
   */
  takeAway(taskId: string): void {
    const folder = path.join(this.directory, taskId);
    if (this.#inode(taskId) === undefined) {
      return;
    }
    const aside = `${folder}.interrupted-${randomUUID()}`;
    renameSync(folder, aside);
    void this.#remove(aside);
  }

  /** Deletes what an earlier process took away and had no time to delete. Never fails. */
  async removeTakenAway(): Promise<void> {
    const folders = await this.#folders().catch(() => []);
    for (const name of folders.filter(f => SET_ASIDE.test(f))) {
      await this.#remove(path.join(this.directory, name));
    }
  }

  /**
   * Remembers which folders are older than what this process runs. They may be those of another backend on this host, or
   * what a killed one left.
   */
  async rememberExisting(): Promise<void> {
    for (const taskId of await this.list()) {
      const inode = this.#inode(taskId);
      if (inode !== undefined) {
        this.#existing.set(taskId, inode);
      }
    }
  }

  /**
   * To be called when this process has claimed a task and not yet begun to run it: a folder that was there before the
   * process ran anything is no folder of this run.
   */
  claimed(taskId: string): void {
    const inode = this.#existing.get(taskId);
    if (inode === undefined) {
      return;
    }
    this.#existing.delete(taskId);
    if (inode === this.#inode(taskId)) {
      this.takeAway(taskId);
    }
  }

  /** Makes the folder of a task, if there is none. */
  make(taskId: string): void {
    if (WORKSPACE.test(taskId)) {
      mkdirSync(path.join(this.directory, taskId), { recursive: true });
    }
  }

  /** Whether a task has a folder here. */
  has(taskId: string): boolean {
    return this.#inode(taskId) !== undefined;
  }

  #inode(taskId: string): number | undefined {
    if (!WORKSPACE.test(taskId)) {
      return undefined;
    }
    const stat = lstatSync(path.join(this.directory, taskId), {
      throwIfNoEntry: false,
    });
    return stat?.isDirectory() ? stat.ino : undefined;
  }

  async #folders(): Promise<string[]> {
    const entries = await fs.readdir(this.directory, { withFileTypes: true });
    return entries.filter(e => e.isDirectory()).map(e => e.name);
  }

  async #remove(folder: string): Promise<void> {
    try {
      await fs.rm(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      this.logger.warn(
        `Could not delete ${folder}, left by an interrupted task, ${error}`,
      );
    }
  }
}
