import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listen } from '../../database/connection/listen';
import {
  claimedTask,
  SentStatement,
} from '../../scaffolder/statements/claimedTask';
import { OwnedRuns } from './OwnedRuns';
import { safeError } from '../../util/safeError';
import { RunFolders } from '../../workspace/folders/RunFolders';

/** A statement as knex announces it, with the name that knex gave its transaction. */
type TransactionStatement = SentStatement & { __knexTxId?: string };

/**
 * Detects the claims of this process by the statements that it sends: a task is claimed when the statement that claims it is answered
 * with one changed row. The scaffolder's `processing` events are no proof: with an events backend those of other processes arrive as well,
 * and once a shutdown has begun the events service refuses them, while workers still claim
 * (`DefaultEventsService` of @backstage/plugin-events-node 0.4.26).
 *
 * All that follows a claim happens before the scaffolder gets the answer, and so before the run begins.
 *
 * @param options.signal - ends it
 */
export function watchClaims(options: {
  knex: Knex;
  runs: Pick<OwnedRuns, 'claimed' | 'rolledBack'>;
  folders: Pick<RunFolders, 'claimed'>;
  signal: AbortSignal;
  logger: LoggerService;
}): void {
  const { knex, runs, folders, signal, logger } = options;

  listen(
    knex,
    'query-response',
    (answer: unknown, statement: TransactionStatement) => {
      // Zero if another process was first.
      const taskId = answer === 1 ? claimedTask(statement) : undefined;
      if (taskId === undefined) {
        return;
      }
      runs
        .claimed(taskId, statement.__knexTxId)
        .catch(error =>
          logger.error(
            `Could not record the claim of task ${taskId}, which does not affect its run`,
            safeError(error),
          ),
        );
      try {
        folders.claimed(taskId);
      } catch (error) {
        // What is thrown here would roll the claim back.
        logger.error(
          `Could not empty the workspace of task ${taskId} before its run, which may find files of an interrupted one`,
          safeError(error),
        );
      }
    },
    signal,
  );

  // Knex does not announce the answer to COMMIT, so a claim counts from its statement on and is withdrawn when its transaction fails,
  // upon which `claimTask` (4.2.0) fails and no run begins.
  const rolledBack = ({ __knexTxId }: TransactionStatement) => {
    if (__knexTxId !== undefined) {
      runs.rolledBack(__knexTxId);
    }
  };
  listen(
    knex,
    'query',
    (statement: TransactionStatement) => {
      if (statement.sql === 'ROLLBACK') {
        rolledBack(statement);
      }
    },
    signal,
  );
  listen(
    knex,
    'query-error',
    (_error: unknown, statement: TransactionStatement) => rolledBack(statement),
    signal,
  );
}
