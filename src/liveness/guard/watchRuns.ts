import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { interceptQueries } from '../../database/connection/interceptQueries';
import { isConnectionLost } from '../../database/connection/isConnectionLost';
import { listen } from '../../database/connection/listen';
import { recoveredSince } from '../../database/operations/runs/recoveredSince';
import {
  endOfTask,
  RunStatement,
  runStatement,
} from '../../scaffolder/statements/runStatement';
import { safeError } from '../../util/safeError';
import { OwnedRuns } from '../ownership/OwnedRuns';
import { GuardedRun, needsOwnership, RunGuard } from './RunGuard';
import { RunTurns } from '../ownership/RunTurns';

/**
 * Has every statement that the scaffolder sends for a run of this process, and how it went, known to the guard, which may refuse it.
 *
 * @param options.signal - ends it
 */
export function watchRuns(options: {
  knex: Knex;
  runs: Pick<OwnedRuns, 'over' | 'verifyOwnership'>;
  turns: Pick<RunTurns<GuardedRun>, 'isAwaited'>;
  guard: RunGuard;
  signal: AbortSignal;
  logger: LoggerService;
}): void {
  const { knex, runs, turns, guard, signal, logger } = options;

  /** What cannot be read is sent as if nobody watched. */
  const read = <T>(
    reader: (builder: Knex.QueryBuilder) => T | undefined,
    builder: Knex.QueryBuilder,
  ): T | undefined => {
    try {
      return reader(builder);
    } catch (error) {
      logger.error(
        'Could not read or extend a statement of the scaffolder: a lost connection may fail its task for good, and a run that lost ownership may still end it',
        safeError(error),
      );
      return undefined;
    }
  };

  /** What is wrong with the module's tables fails nothing of the scaffolder's. */
  const verify = async (taskId: string, connection: unknown): Promise<void> => {
    try {
      await runs.verifyOwnership(taskId, connection);
    } catch (error) {
      if (isConnectionLost(error)) {
        throw error;
      }
      logger.debug(
        `Could not check whether a run of task ${taskId} still owns it`,
        safeError(error),
      );
    }
  };

  interceptQueries(
    knex,
    builder => {
      const statement = read<RunStatement>(runStatement, builder);
      if (!statement) {
        return undefined;
      }
      guard.sends(statement);
      return {
        connected: needsOwnership(statement)
          ? async connection => {
              await verify(statement.taskId, connection);
              guard.refuse(statement);
            }
          : undefined,
        settled: failure =>
          failure ? guard.failed(statement, failure) : guard.sent(statement),
      };
    },
    signal,
  );
  // The end of a task is stored in a transaction. What is thrown here rolls it back.
  const ends = (end: NonNullable<ReturnType<typeof endOfTask>>) => {
    const isAwaited = turns.isAwaited(end.taskId);
    try {
      return guard.ends(end);
    } catch (error) {
      if (!isAwaited) {
        runs.over(end.taskId);
      }
      throw error;
    }
  };
  listen(
    knex,
    'start',
    (builder: Knex.QueryBuilder) => {
      const end = read(endOfTask, builder);
      if (!end) {
        return;
      }
      const recoveredEvent = ends(end);
      builder.on('query-response', (changed: unknown) =>
        guard.ended(end, changed === 1),
      );
      if (recoveredEvent !== undefined) {
        // Others may have reclaimed the task, which nobody here has noticed yet. Then the scaffolder's own statement changes no row, upon which
        // the scaffolder refuses the end.
        const run = { recoveredEvent };
        read(
          update =>
            update.whereNotExists(recoveredSince(knex, end.taskId, run)),
          builder,
        );
      }
    },
    signal,
  );
  listen(
    knex,
    'query-error',
    (error: Error, { __knexTxId }: { __knexTxId?: string }) => {
      if (__knexTxId !== undefined && isConnectionLost(error)) {
        guard.transactionFailed(error);
      }
    },
    signal,
  );
  // Knex reports nothing of a transaction that gets no connection. A pool that the operator made may not report it either.
  const { pool } = knex.client;
  const acquireFailed = (_id: unknown, error: Error) =>
    guard.transactionFailed(error);
  pool?.on?.('acquireFail', acquireFailed);
  signal.addEventListener(
    'abort',
    () => pool?.removeListener?.('acquireFail', acquireFailed),
    { once: true },
  );
}
