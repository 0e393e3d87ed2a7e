import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { markInterrupted } from '../../database/operations/runs/markInterrupted';
import { readOwnership } from '../../database/operations/runs/readOwnership';
import { safeError } from '../../util/safeError';
import { BrokenRun } from './RunGuard';

/** When it is tried again, at first and at the latest. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;

/**
 * Marks a run that a lost connection broke, so that its task is recovered after seconds instead of `recoverTasksTimeout`. As the database may be
 * away just then, it is tried until it works or the signal is aborted.
 */
export async function markBrokenRun(
  { taskId, token, problem }: BrokenRun,
  options: { knex: Knex; signal: AbortSignal; logger: LoggerService },
): Promise<void> {
  const { knex, signal, logger } = options;
  const recoveredEvent = await token;
  if (recoveredEvent === undefined) {
    logger.warn(
      `Task ${taskId} may be interrupted: the scaffolder lost its database connection (${problem}). Its run could not be identified, so it becomes recoverable only after scaffolder.recoverTasksTimeout`,
    );
    return;
  }
  const runs = [{ taskId, recoveredEvent }];
  let retryMs = FIRST_RETRY_MS;
  for (;;) {
    try {
      const mark = { cause: 'connection', problem } as const;
      await markInterrupted(knex, runs, mark);
      const fence = { recoveredEvent };
      const { isInFlight, isFenced } = await readOwnership(knex, taskId, fence);
      // It may have ended just before, if it was a connection for its end, and may run again since.
      if (isInFlight && !isFenced) {
        logger.warn(
          `Task ${taskId} is interrupted: the scaffolder lost its database connection (${problem}). It is recovered as its template asks`,
        );
      }
      return;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      logger.debug(
        `Could not mark task ${taskId} as interrupted by a lost connection, trying again`,
        safeError(error),
      );
    }
    await sleep(retryMs, undefined, { ref: false });
    if (signal.aborted) {
      return;
    }
    retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
  }
}
