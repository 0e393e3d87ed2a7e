import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { OwnedRuns, LostOwnership } from './OwnedRuns';
import { markOwnedRuns } from './markOwnedRuns';
import { safeError } from '../../util/safeError';
import { withTimeout } from '../../util/withTimeout';

/** Each further moment may have an effect twice, so a database that is slow is not waited for. */
const LAST_WORDS_MS = 500;

/** Logs which runs have lost ownership, in the backend's log and in those of the tasks, and ends the process if so configured. */
export async function reportLostOwnership(
  lostOwnership: LostOwnership[],
  options: {
    knex: Knex;
    runs: Pick<OwnedRuns, 'warn' | 'begun' | 'fencingTokens'>;
    /** Ends the process; only given if it must end when a run has lost ownership. */
    exit?: () => void;
    logger: LoggerService;
  },
): Promise<void> {
  const { runs, exit, logger } = options;
  if (lostOwnership.length === 0) {
    return;
  }
  for (const { taskId, message } of lostOwnership) {
    logger.error(`Task ${taskId}: ${message}`);
  }
  const warnAll = () => Promise.all(lostOwnership.map(t => runs.warn(t)));
  if (!exit) {
    await warnAll();
    return;
  }
  logger.error(
    'Ending this process, since it has lost ownership of tasks that it still runs (scaffolder.recoverTasksExitOnLostOwnership)',
  );
  // First, since the other tasks of this process depend on it. A mark holds for the run of this process only, not for the one that has
  // reclaimed the task.
  const reported = markOwnedRuns(options)
    .catch(error =>
      logger.error(
        'Could not mark the tasks of this process as interrupted on purpose; its other tasks are recovered after scaffolder.recoverTasksTimeout',
        safeError(error),
      ),
    )
    .then(warnAll);
  await withTimeout(
    LAST_WORDS_MS,
    reported.catch(() => {}),
  );
  exit();
  await reported;
}
