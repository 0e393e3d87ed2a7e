import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { RecoveryConfig } from '../../config';
import { deferSilentTasks } from '../../database/operations/interrupted/deferral/deferSilentTasks';
import {
  findMissingTables,
  isDenied,
} from '../../database/operations/server/findMissingTables';
import { HAND_OVER_COLUMNS } from '../../database/operations/interrupted/interrupted';
import { DEFER_MARGIN_SECONDS } from '../batch/BatchDecider';
import { shortTransaction } from '../../database/dialect/shortTransaction';
import { formatDuration } from '../../util/durations';

const BATCH_SIZE = 1_000;

/**
 * Keeps the scaffolder's own recovery away from all tasks while the module decides on none. That recovery takes every task that was
 * silent for `staleTimeout`, whatever its strategy.
 */
export class Deferral {
  constructor(
    private readonly options: {
      knex: Knex;
      config: Pick<
        RecoveryConfig,
        'timeoutSeconds' | 'staleTimeoutSeconds' | 'taskTimeoutSeconds'
      >;
      logger: LoggerService;
    },
  ) {}

  /** Defers the tasks that it would take soon. A task that runs has a younger heartbeat, and is left alone. */
  async deferOnce(): Promise<void> {
    const { knex, config, logger } = this.options;
    const silentSeconds = config.staleTimeoutSeconds - DEFER_MARGIN_SECONDS;
    // Before the transaction, which PostgreSQL would end for asking in vain. No more than is needed for it: a replica of a newer version that
    // cannot migrate would otherwise defer what the others have handed over, which nobody would open for `staleTimeout`.
    const missing = await findMissingTables(knex, HAND_OVER_COLUMNS).catch(
      error => {
        if (isDenied(error)) {
          return Object.keys(HAND_OVER_COLUMNS);
        }
        throw error;
      },
    );
    const hasOwnTables = missing.length === 0;
    const options = {
      ...config,
      silentSeconds,
      limit: BATCH_SIZE,
      hasOwnTables,
    };
    let taskIds: string[];
    do {
      taskIds = await shortTransaction(knex, tx =>
        deferSilentTasks(tx, options),
      );
      for (const taskId of taskIds) {
        logger.warn(
          `Task ${taskId} is deferred: it was silent for ${formatDuration(
            silentSeconds,
          )}, this module cannot decide on it now, and the scaffolder's own recovery would soon run it again, whatever its strategy; its silence is counted anew`,
        );
      }
    } while (taskIds.length === BATCH_SIZE);
  }
}
