import { AuthService, LoggerService } from '@backstage/backend-plugin-api';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { Knex } from 'knex';
import { forgetEndedTasks } from '../database/operations/forgetEndedTasks';
import { listTasksWithoutStrategy } from '../database/operations/listTasksWithoutStrategy';
import { batchesOf } from '../database/operations/pages';
import { readTaskSpec } from '../database/operations/readTaskSpec';
import { rememberStrategy } from '../database/operations/rememberStrategy';
import { WAKEUP_INTERVAL_SECONDS } from './HandOvers';
import { safeError } from './safeError';
import { strategyOfTemplate, TaskStrategy } from './strategy';
import { readTemplateRef } from './taskRecord';

/** A catalog that was just started may not have its entities yet, and says that there are none. */
const GONE_AFTER_MS = 30_000;

/** A catalog that takes longer counts as not reachable. */
const LOOKUP_TIMEOUT_MS = 10_000;

/**
 * Remembers the recovery strategy of each task while it is in flight. A task's spec does not have it, and when it is
 * needed, after a restart, the catalog may not answer yet, or its template may have changed.
 */
export class StrategyMemory {
  #catalogFailing = false;
  /** When the template of a task was first found missing, by the id of the task. */
  #missingSince = new Map<string, number>();

  constructor(
    private readonly options: {
      knex: Knex;
      catalog: CatalogService;
      auth: AuthService;
      logger: LoggerService;
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /** Remembers the strategy of a task that was just dispatched. */
  async remember(taskId: string): Promise<void> {
    await this.#rememberWith(ref => this.#lookUp(ref), taskId);
  }

  /**
   * Remembers what is missing, for all tasks in flight, and forgets those that ended. What cannot be looked up now is
   * left for the next call.
   *
   * @returns how many strategies were remembered.
   */
  async rememberMissing(): Promise<number> {
    const { knex, logger } = this.options;
    await forgetEndedTasks(knex, {
      wakeupIntervalSeconds: WAKEUP_INTERVAL_SECONDS,
    });

    const lookups = new Map<string | undefined, Promise<TaskStrategy>>();
    const lookUpOnce = (ref: string | undefined) => {
      const lookup = lookups.get(ref) ?? this.#lookUp(ref);
      lookups.set(ref, lookup);
      return lookup;
    };

    let remembered = 0;
    let failure: unknown;
    const missingBefore = this.#missingSince;
    this.#missingSince = new Map();
    for await (const taskIds of batchesOf(page =>
      listTasksWithoutStrategy(knex, page),
    )) {
      for (const taskId of taskIds) {
        try {
          const since = missingBefore.get(taskId);
          if (await this.#rememberWith(lookUpOnce, taskId, since)) {
            remembered += 1;
          }
        } catch (error) {
          failure = error;
        }
      }
    }

    // Said once for each outage of the catalog, not at each call.
    if (failure && !this.#catalogFailing) {
      logger.warn(
        `Cannot look up the recovery strategies of some tasks; trying again until it works, ${safeError(failure)}`,
      );
    }
    this.#catalogFailing = Boolean(failure);
    return remembered;
  }

  async #rememberWith(
    lookUp: (templateRef: string | undefined) => Promise<TaskStrategy>,
    taskId: string,
    missingSince?: number,
  ): Promise<boolean> {
    const spec = await readTaskSpec(this.options.knex, taskId);
    if (spec === undefined) {
      return false;
    }
    const templateRef = readTemplateRef(spec);
    const { strategy, source, remark, maxAttempts } = await lookUp(templateRef);
    if (templateRef && source === 'gone') {
      const now = (this.options.clock ?? performance.now.bind(performance))();
      const since = missingSince ?? now;
      if (now - since < GONE_AFTER_MS) {
        this.#missingSince.set(taskId, since);
        return false;
      }
    }
    await rememberStrategy(this.options.knex, {
      task_id: taskId,
      strategy,
      source,
      remark: remark ?? null,
      max_attempts: maxAttempts ?? null,
    });
    // A template that is gone is no mistake of its author's.
    if (remark && source !== 'gone') {
      this.options.logger.warn(`Task ${taskId}: ${remark}`);
    }
    return true;
  }

  async #lookUp(templateRef: string | undefined): Promise<TaskStrategy> {
    if (!templateRef) {
      return strategyOfTemplate('The template that its spec names', undefined);
    }
    const { auth, catalog } = this.options;
    const template = await within(
      LOOKUP_TIMEOUT_MS,
      auth
        .getOwnServiceCredentials()
        .then(credentials =>
          catalog.getEntityByRef(templateRef, { credentials }),
        ),
    );
    // An entity without a spec is a template that says nothing.
    return strategyOfTemplate(templateRef, template && (template.spec ?? {}));
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The catalog did not answer within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
