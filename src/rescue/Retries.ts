import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryConfig } from '../config';
import { forgetStoredWorkspaces } from '../database/operations/interrupted/forgetStoredWorkspaces';
import { readTaskCourse } from '../database/operations/tasks/readTaskCourse';
import { recordRetry } from '../database/operations/attempts/recordRetry';
import { stateOfRetry } from '../database/operations/tasks/stateOfRetry';
import { ENDED } from '../scaffolder/tables';
import { stepAgainRecord } from '../record/stepAgainRecord';
import { readHistory } from '../decision/plan/history';
import { asLines } from '../decision/messages/format';
import { beginsEmpty } from '../decision/plan/plan';
import { PlannedRetry, planRetry } from '../decision/retry';
import {
  retryLine,
  retryMessages,
  retryReason,
} from '../decision/messages/retryMessages';
import { retriedTask } from '../scaffolder/statements/retriedTask';
import { safeError } from '../util/safeError';
import { TaskStrategy } from '../decision/strategy';
import { StrategyMemory } from './strategies/StrategyMemory';
import { DATABASE_PROVIDER } from '../scaffolder/settings/settings';

/** When a retry is recorded, and tried again after failures. A database that is restarted is back by then. */
const RECORD_AFTER_MS = [0, 250, 1_000, 5_000];

/**
 * Has tasks that are started again after they had ended run the steps that they must. The scaffolder would skip their finished steps,
 * whose files are gone.
 *
 * What is planned is written by the scaffolder's own statement, to which a value for `state` is added. So there is no moment at which
 * the task could be claimed with the old one. Without a plan all steps run.
 */
export class Retries {
  /** For each task, the plans of the requests that are being answered, and the plan that the scaffolder's statement got. */
  readonly #planned = new Map<
    string,
    { plans: Set<PlannedRetry>; used?: PlannedRetry }
  >();

  /** The requests that are being answered. */
  readonly #requests = new Set<symbol>();

  constructor(
    private readonly options: {
      knex: Knex;
      config: Pick<RecoveryConfig, 'workspaceProvider' | 'snapshots'>;
      memory: Pick<StrategyMemory, 'lookUpSoon'>;
      logger: LoggerService;
    },
  ) {}

  /** Whether a request is being answered: the scaffolder's statement is still to come, or its answer. */
  get areUnderWay(): boolean {
    return this.#requests.size > 0;
  }

  /**
   * To be called when a task is asked to be started again, before the scaffolder is.
   *
   * @returns what is to be called when it has answered.
   */
  async plan(
    taskId: string,
  ): Promise<(answer: { isStarted: boolean }) => Promise<void>> {
    const request = Symbol(taskId);
    this.#requests.add(request);
    const planned = await this.#plan(taskId).catch(error =>
      this.options.logger.warn(
        `Could not plan the retry of task ${taskId}, so it would run all its steps: ${safeError(error)}`,
      ),
    );
    if (!planned) {
      return async () => {
        this.#requests.delete(request);
      };
    }
    const requests = this.#planned.get(taskId) ?? { plans: new Set() };
    this.#planned.set(taskId, requests);
    requests.plans.add(planned);
    return async ({ isStarted }) => {
      this.#requests.delete(request);
      requests.plans.delete(planned);
      // Of two requests at once, one is refused.
      if (requests.plans.size === 0 && this.#planned.get(taskId) === requests) {
        this.#planned.delete(taskId);
      }
      if (isStarted) {
        await this.#started(requests.used, planned);
      }
    };
  }

  /** To be called with each statement of this process before it is compiled. Never throws: that would fail the statement. */
  starts(builder: Knex.QueryBuilder): void {
    try {
      this.#addState(builder);
    } catch (error) {
      this.options.logger.error(
        'A task that is started again may skip finished steps whose files are gone, since a statement could not be checked',
        safeError(error),
      );
    }
  }

  #addState(builder: Knex.QueryBuilder): void {
    const taskId = retriedTask(builder);
    if (taskId === undefined) {
      return;
    }
    const requests = this.#planned.get(taskId);
    const planned = [...(requests?.plans ?? [])].at(-1);
    if (requests) {
      requests.used = planned;
    }
    const state = stateOfRetry(
      this.options.knex,
      planned && { from: planned.task.state, to: planned.retry.state },
    );
    builder.update('state', state);
  }

  async #plan(taskId: string): Promise<PlannedRetry | undefined> {
    const { knex, config, memory } = this.options;
    // Once more when a connection is lost just now: without a plan all steps run.
    const row = await readTaskCourse(knex, taskId).catch(() =>
      readTaskCourse(knex, taskId),
    );
    if (!row) {
      return undefined;
    }
    const { spec, events, lastKnown, lastAttempt, lastFiles: _, ...task } = row;
    const found = await memory.lookUpSoon(spec);
    // Without its template the scaffolder refuses to start it.
    const isFound = found !== undefined && found.source !== 'gone';
    const strategy = isFound
      ? found
      : ((lastKnown as TaskStrategy | undefined) ?? found);
    const history = readHistory(events, config.snapshots?.readable);
    const retry = planRetry({
      ...task,
      spec,
      history,
      strategy,
      hasSnapshots: config.snapshots !== undefined,
    });
    if (
      config.workspaceProvider === DATABASE_PROVIDER &&
      isFound &&
      ENDED.includes(task.status) &&
      beginsEmpty(retry.plan)
    ) {
      await forgetStoredWorkspaces(knex, [taskId]);
    }
    return { task, strategy, retry, attempt: lastAttempt + 1 };
  }

  async #started(
    used: PlannedRetry | undefined,
    planned: PlannedRetry,
  ): Promise<void> {
    const { logger } = this.options;
    const { task } = planned;
    if (!used) {
      logger.error(
        `Task ${task.id} was started again and skips its finished steps, whose files are gone, since the scaffolder used a statement that this module does not know. Use a version of this module that supports this version of the scaffolder`,
      );
      return;
    }
    try {
      if (!ENDED.includes(used.task.status)) {
        // It ended while this was planned, so it is not known how.
        logger.info(
          `Task ${task.id} was started again when it had just ended, and runs all its steps`,
        );
        return;
      }
      logger.info(retryLine(used));
      if (!(await this.#record(used))) {
        logger.warn(
          `The retry of task ${task.id} is not recorded: the task was interrupted and decided on first`,
        );
      }
    } catch (error) {
      logger.warn(
        `Could not record the retry of task ${task.id}: ${safeError(error)}`,
      );
    }
  }

  async #record(planned: PlannedRetry): Promise<boolean> {
    const { knex } = this.options;
    const { task, strategy, retry, attempt } = planned;
    let failure: unknown;
    for (const ms of RECORD_AFTER_MS) {
      await sleep(ms, undefined, { ref: false });
      try {
        return await recordRetry(knex, {
          endedAs: task.status,
          strategy: strategy && {
            strategy: strategy.strategy,
            source: strategy.source,
            remark: strategy.remark ?? null,
            max_attempts: strategy.maxAttempts ?? null,
          },
          attempt: {
            taskId: task.id,
            attempt,
            decision: retry.kind,
            isClose: false,
            templateRef: retry.templateRef,
            strategy: strategy?.strategy,
            strategySource: strategy?.source,
            reason: retryReason(planned),
            interruptedAt: retry.endedAt,
            skippedSteps: retry.plan.skipped,
            stepsAgain: retry.plan.again.map(stepAgainRecord),
            files: retry.plan.files,
            // Whoever starts a task again gives it all its attempts.
            attemptsUsed: 0,
            finishedSteps: retry.finishedSteps,
            finalAttempt: false,
          },
          lines: retryMessages(planned).map(({ stepId, message }) => ({
            taskId: task.id,
            type: 'log',
            body: { message: asLines(message), stepId },
          })),
        });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
