import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { shortTransaction } from '../../database/dialect/shortTransaction';
import { lockTask } from '../../database/operations/tasks/locks/lockTask';
import { selectTasks } from '../../database/operations/tasks/selectTasks';
import { safeError } from '../../util/safeError';
import { RunFolders } from './RunFolders';

/** Cleans up what a killed process left on this host. */
export class FolderCleaner {
  #cleaned = false;

  constructor(
    private readonly options: {
      knex: Knex;
      timeoutSeconds: number;
      folders: RunFolders;
      logger: LoggerService;
    },
  ) {}

  /**
   * Removes the folders of all tasks that do not run now, in the first call that gets so far. A lock keeps them from being
   * claimed meanwhile. If the folders cannot be listed, as where the working directory is not there yet, there is nothing to remove.
   *
   * @param isToGoOn - whether the heartbeats tell which tasks run
   */
  async cleanOnce(isToGoOn: () => boolean): Promise<void> {
    const { knex, timeoutSeconds, folders, logger } = this.options;
    if (this.#cleaned) {
      return;
    }
    void folders.removeTakenAway();
    for (const taskId of await selectTasks(knex, await this.#list())) {
      try {
        await shortTransaction(knex, async tx => {
          const task = await lockTask(tx, { taskId, timeoutSeconds });
          if (task && !task.running && isToGoOn()) {
            folders.takeAway(taskId);
          }
        });
      } catch (error) {
        logger.error(
          `Could not remove the workspace of task ${taskId}`,
          safeError(error),
        );
      }
    }
    this.#cleaned = isToGoOn();
  }

  /** What fails here keeps no task from being decided on. */
  async #list(): Promise<string[]> {
    try {
      return await this.options.folders.list();
    } catch (error) {
      this.options.logger.warn(
        'Could not list the workspaces of earlier runs, so those that a killed process left stay on disk',
        safeError(error),
      );
      return [];
    }
  }
}
