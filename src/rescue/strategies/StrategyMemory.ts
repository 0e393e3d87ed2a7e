import { AuthService, LoggerService } from '@backstage/backend-plugin-api';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { Knex } from 'knex';
import { listTasksWithoutStrategy } from '../../database/operations/strategies/listTasksWithoutStrategy';
import { batchesOf } from '../../database/operations/tasks/paging/pages';
import { readTaskSpecs } from '../../database/operations/tasks/readTaskSpecs';
import {
  NewStrategy,
  rememberStrategies,
} from '../../database/operations/strategies/rememberStrategies';
import { BatchErrors } from '../batch/partialFailure/BatchErrors';
import { batchOrEach } from '../batch/partialFailure/batchOrEach';
import { safeError } from '../../util/safeError';
import { strategyOfTemplate, TaskStrategy } from '../../decision/strategy';
import { readTemplateRef } from '../../scaffolder/taskRecord';
import { CatalogLookups } from './CatalogLookups';

/** A catalog that was just started may not have its entities yet, and answers that there are none. */
const GONE_AFTER_MS = 30_000;

/** Whoever presses Retry waits for it. */
const SOON_MS = 3_000;

/**
 * Remembers the recovery strategy of each task while it is in flight. A task's spec does not have it, and when it is
 * needed, after a restart, the catalog may not answer yet, or its template may have changed.
 */
export class StrategyMemory {
  #catalogFailing = false;
  /** When the template of a task was first found missing, by the id of the task. */
  #missingSince = new Map<string, number>();
  readonly #lookupErrors: BatchErrors;
  readonly #rememberErrors: BatchErrors;

  constructor(
    private readonly options: {
      knex: Knex;
      catalog: CatalogService;
      auth: AuthService;
      logger: LoggerService;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
      /** How long the catalog may take; for tests. */
      lookupTimeoutMs?: number;
    },
  ) {
    const { logger } = options;
    this.#lookupErrors = new BatchErrors('look up the templates', logger);
    this.#rememberErrors = new BatchErrors(
      'remember the recovery strategies of tasks',
      logger,
    );
  }

  /** Remembers the strategy of a task that was just dispatched. */
  async remember(taskId: string): Promise<void> {
    const lookups = this.#createLookups();
    await this.#remember([taskId], lookups);
    if (lookups.failure) {
      throw lookups.failure;
    }
  }

  /**
   * Remembers what is missing, for all tasks in flight. What cannot be looked up now is left for the next call.
   *
   * @returns how many strategies were remembered.
   */
  async rememberMissing(): Promise<number> {
    const { knex, logger } = this.options;
    const lookups = this.#createLookups();
    let remembered = 0;
    let failure: Error | undefined;
    const missingBefore = this.#missingSince;
    this.#missingSince = new Map();
    const remember = async (taskIds: string[]) => {
      remembered += await this.#remember(taskIds, lookups, missingBefore);
    };
    const options = {
      isToGoOn: () => true,
      onError: (_: string, error: Error) => {
        failure = error;
      },
      batchErrors: this.#rememberErrors,
    };
    for await (const taskIds of batchesOf(page =>
      listTasksWithoutStrategy(knex, page),
    )) {
      await batchOrEach(taskIds, remember, options);
    }

    failure ??= lookups.failure;
    // Logged once for each outage of the catalog, not at each call.
    if (failure && !this.#catalogFailing) {
      logger.warn(
        `The recovery strategies of some tasks could not be looked up; it is tried again until it works, and meanwhile these tasks wait if they are interrupted: ${safeError(failure)}`,
      );
    }
    this.#catalogFailing = Boolean(failure);
    return remembered;
  }

  /**
   * The strategy that the template of a task has now. The caller waits for it, for a few seconds at most.
   *
   * @param spec - of the task, as it is stored
   * @returns nothing if the catalog does not answer in time.
   */
  async lookUpSoon(spec: string): Promise<TaskStrategy | undefined> {
    const templateRef = readTemplateRef(spec);
    const lookups = this.#createLookups(SOON_MS);
    await lookups.lookUp(templateRef === undefined ? [] : [templateRef]);
    if (lookups.failure) {
      this.options.logger.warn(
        `The recovery strategy of ${templateRef} could not be looked up: ${safeError(lookups.failure)}`,
      );
    }
    return strategyBy(templateRef, lookups);
  }

  #createLookups(timeoutMs = this.options.lookupTimeoutMs): CatalogLookups {
    const { lookupTimeoutMs: _, ...options } = this.options;
    const batchErrors = this.#lookupErrors;
    return new CatalogLookups({ ...options, batchErrors, timeoutMs });
  }

  /** @returns of how many of the tasks. */
  async #remember(
    taskIds: string[],
    lookups: CatalogLookups,
    missingSince = new Map<string, number>(),
  ): Promise<number> {
    const { knex, logger } = this.options;
    const specs = await readTaskSpecs(knex, taskIds);
    const tasks = [...specs].map(([taskId, spec]) => ({
      taskId,
      templateRef: readTemplateRef(spec),
    }));
    await lookups.lookUp(tasks.flatMap(task => task.templateRef ?? []));

    const rows: NewStrategy[] = [];
    for (const { taskId, templateRef } of tasks) {
      const { strategy, source, remark, maxAttempts } =
        strategyBy(templateRef, lookups) ?? {};
      const isMissing =
        templateRef !== undefined &&
        source === 'gone' &&
        this.#isMissing(taskId, missingSince.get(taskId));
      if (strategy && source && !isMissing) {
        rows.push({
          task_id: taskId,
          strategy,
          source,
          remark: remark ?? null,
          max_attempts: maxAttempts ?? null,
        });
      }
    }
    await rememberStrategies(knex, rows);
    for (const { task_id, source, remark } of rows) {
      // That a template is gone is no mistake of its author.
      if (remark && source !== 'gone') {
        logger.warn(`Task ${task_id}: ${remark}`);
      }
    }
    return rows.length;
  }

  /** Whether it is too early to count the template of a task as gone. */
  #isMissing(taskId: string, missingSince: number | undefined): boolean {
    const now = (this.options.clock ?? performance.now.bind(performance))();
    const since = missingSince ?? now;
    if (now - since >= GONE_AFTER_MS) {
      return false;
    }
    this.#missingSince.set(taskId, since);
    return true;
  }
}

/** The strategy of a task's template. Nothing if it could not be looked up. */
function strategyBy(
  templateRef: string | undefined,
  lookups: CatalogLookups,
): TaskStrategy | undefined {
  if (templateRef === undefined) {
    return strategyOfTemplate('The template that its spec names', undefined);
  }
  const found = lookups.result(templateRef);
  return found && strategyOfTemplate(templateRef, found.spec);
}
