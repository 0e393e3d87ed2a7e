import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
import { WorkspaceProvider } from '@backstage/plugin-scaffolder-node/alpha';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { readNewestSnapshot } from '../database/operations/snapshots/readNewestSnapshot';
import { readStrategy } from '../database/operations/strategies/readStrategy';
import { readSpecAndState } from '../database/operations/tasks/readSpecAndState';
import {
  readTaskCourse,
  TaskCourseRow,
} from '../database/operations/tasks/readTaskCourse';
import { Blocker } from '../database/readiness/blockers';
import { DatabaseReadiness } from '../database/readiness/DatabaseReadiness';
import { SnapshotNeeds } from '../decision/plan/snapshotNeeds';
import { safeError } from '../util/safeError';
import { filesOfRun, skipsSteps } from './snapshots/filesOfRun';
import { Snapshots } from './snapshots/Snapshots';

/** How long it is tried to read what a run begins with. A database that is restarted is back by then. */
const READ_FOR_MS = 30_000;
const READ_AGAIN_MS = 500;

/**
 * Lets each run of a task with the strategy `idempotent` begin with the files that it needs: the scaffolder asks for them when a run begins,
 * and offers the workspace after each step and checkpoint (`DefaultWorkspaceService` and `executeStep`, 4.2.0).
 *
 * While the strategy of a task is not known yet, it counts as `idempotent`.
 */
export class RecoveryWorkspaceProvider implements WorkspaceProvider {
  constructor(
    private readonly options: {
      knex: Knex;
      /** The stores and keys that snapshots can be read with. */
      readable: SnapshotNeeds;
      snapshots: Pick<Snapshots, 'begin' | 'hasBegun' | 'take' | 'forget'>;
      readiness: Pick<DatabaseReadiness, 'ensure'>;
      /** Whether an earlier run of a task is still alive in this process, in the same folder. */
      runs: { isDoubled(taskId: string): boolean };
      /**
       * Fills the folder of a run once no earlier run of its task uses it. Throws if a later one has been claimed meanwhile, to which it is
       * left then.
       */
      inTurn(taskId: string, fill: () => Promise<void>): Promise<void>;
      logger: LoggerService;
    },
  ) {}

  /**
   * A run begins.
   *
   * @throws Error that says what was tried if the run cannot begin with the files that it needs. The task fails with it, and can be retried.
   */
  async rehydrateWorkspace(run: {
    taskId: string;
    targetPath: string;
  }): Promise<void> {
    await this.options.inTurn(run.taskId, () => this.#fill(run));
  }

  async #fill({
    taskId,
    targetPath: path,
  }: {
    taskId: string;
    targetPath: string;
  }): Promise<void> {
    const { snapshots, readable, logger } = this.options;
    const task = await this.#readTask(taskId);
    if (!task) {
      return;
    }
    const files = filesOfRun(task, readable);
    if (files.kind === 'missing') {
      const cause = files.problem ? `: ${files.problem}` : '';
      logger.warn(
        `Task ${taskId} begins in an empty workspace, because there is no snapshot of the end of step '${files.stepId}'${cause}`,
      );
    }
    await snapshots.begin({
      taskId,
      path,
      from: files.kind === 'snapshot' ? files.number : undefined,
      attempt: task.lastAttempt,
    });
  }

  /** Never throws: that would fail the step. */
  async serializeWorkspace({
    taskId,
    path,
  }: {
    taskId: string;
    path: string;
  }): Promise<void> {
    const { knex, snapshots, runs, logger } = this.options;
    // Of two runs in one folder it is not known whose files these are.
    if (!snapshots.hasBegun(taskId) || runs.isDoubled(taskId)) {
      return;
    }
    try {
      if (!mayGoOn(await readStrategy(knex, taskId))) {
        await snapshots.forget([taskId]);
        return;
      }
    } catch (error) {
      logger.debug(
        `Could not check whether task ${taskId} needs snapshots, so one is made, ${safeError(error)}`,
      );
    }
    await snapshots.take({ taskId, path });
  }

  /** The task has completed. */
  async cleanWorkspace({ taskId }: { taskId: string }): Promise<void> {
    await this.options.snapshots.forget([taskId], { ifEnded: true });
  }

  /** What an earlier run stored while the strategy of its task was not known. */
  async #forgetUnneeded(taskId: string): Promise<void> {
    const { knex, snapshots, logger } = this.options;
    try {
      if (await readNewestSnapshot(knex, taskId)) {
        await snapshots.forget([taskId]);
      }
    } catch (error) {
      logger.debug(
        `Could not delete the snapshots of task ${taskId}, which needs none. They are deleted when it has ended`,
        safeError(error),
      );
    }
  }

  /** Nothing if the run is as without snapshots. It is read again until the database answers. */
  async #readTask(taskId: string): Promise<TaskCourseRow | undefined> {
    const begin = performance.now();
    for (;;) {
      try {
        return await this.#readOnce(taskId);
      } catch (error) {
        const seconds = Math.round((performance.now() - begin) / 1000);
        if (seconds * 1000 >= READ_FOR_MS) {
          throw new ServiceUnavailableError(
            `It could not be read in ${seconds} s which files this run begins with. Retry the task once the cause is mended`,
            error,
          );
        }
        await sleep(READ_AGAIN_MS);
      }
    }
  }

  async #readOnce(taskId: string): Promise<TaskCourseRow | undefined> {
    const { knex } = this.options;
    if (await this.#isBlocked(taskId)) {
      return undefined;
    }
    const task = mayGoOn(await readStrategy(knex, taskId))
      ? await readTaskCourse(knex, taskId)
      : undefined;
    if (task && mayGoOn(task.lastKnown?.strategy)) {
      return task;
    }
    await this.#forgetUnneeded(taskId);
    return undefined;
  }

  /**
   * Whether the module cannot work with the database, which it says itself. Runs are as without snapshots then. But one that skips steps, maybe by
   * another replica's decision, waits for its files as for a database that is away.
   */
  async #isBlocked(taskId: string): Promise<boolean> {
    const { knex, readiness } = this.options;
    try {
      await readiness.ensure();
    } catch (error) {
      if (!(error instanceof Blocker)) {
        throw error;
      }
      const task = error.canDefer && (await readSpecAndState(knex, taskId));
      if (task && skipsSteps(task)) {
        throw error;
      }
      return true;
    }
    return false;
  }
}

/** Whether a further run of a task may need the files of this one. */
function mayGoOn(strategy: string | undefined): boolean {
  return strategy === undefined || strategy === 'idempotent';
}
