import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { OwnedRuns, LostOwnership } from './OwnedRuns';
import { markOwnedRuns } from './markOwnedRuns';
import { safeError } from '../util/safeError';

/** Each further moment may have an effect twice, so a database that is slow is not waited for. */
const LAST_WORDS_MS = 500;

/** Says which runs were taken over, in the backend's log and in those of the tasks, and ends the process if it is to end then. */
export async function reportLostOwnership(
  lostOwnership: LostOwnership[],
  options: {
    knex: Knex;
    runs: Pick<OwnedRuns, 'warn' | 'begun' | 'marks'>;
    /** Ends the process; only given if it shall end when a run was taken over. */
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
    'Ending this process, since tasks that it still runs were taken over (scaffolder.recoverTasksExitWhenTakenOver)',
  );
  // First, since the other tasks of this process depend on it. Of those that were taken over it marks the run of this process, which
  // means nothing for the one that has them now.
  const said = markOwnedRuns(options)
    .catch(error =>
      logger.error(
        'Could not record that this process ends its tasks; those that nobody has taken over are recovered after scaffolder.recoverTasksTimeout',
        safeError(error),
      ),
    )
    .then(warnAll);
  const giveUp = new AbortController();
  await Promise.race([
    said.catch(() => {}),
    sleep(LAST_WORDS_MS, undefined, { signal: giveUp.signal }).catch(() => {}),
  ]);
  giveUp.abort();
  exit();
  await said;
}
