import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { lockTask } from '../../database/operations/tasks/lockTask';
import { selectTasks } from '../../database/operations/tasks/selectTasks';
import { safeError } from '../../util/safeError';
import { Settling } from '../../liveness/Settling';
import { RunFolders } from './RunFolders';

/** Cleans up what a killed process left on this host. */
export class FolderCleaner {
  #cleaned = false;

  constructor(
    private readonly options: {
      knex: Knex;
      timeoutSeconds: number;
      workspaces: RunFolders;
      settling: Settling;
      logger: LoggerService;
    },
  ) {}

  /**
   * Removes the folders of all tasks that do not run now, in the first call that gets so far. A lock keeps them from being
   * claimed meanwhile. While the heartbeats cannot be trusted, nothing tells which tasks do not run.
   */
  async cleanOnce(): Promise<void> {
    const { knex, timeoutSeconds, workspaces, settling, logger } = this.options;
    if (this.#cleaned) {
      return;
    }
    void workspaces.removeTakenAway();
    for (const taskId of await selectTasks(knex, await workspaces.list())) {
      try {
        await knex.transaction(async tx => {
          const task = await lockTask(tx, { taskId, timeoutSeconds });
          if (task && !task.running && settling.isSettled()) {
            workspaces.takeAway(taskId);
          }
        });
      } catch (error) {
        logger.error(
          `Could not remove the workspace of task ${taskId}`,
          safeError(error),
        );
      }
    }
    this.#cleaned = settling.isSettled();
  }
}
