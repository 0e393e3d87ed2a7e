import { LoggerService } from '@backstage/backend-plugin-api';
import { setTimeout as sleep } from 'node:timers/promises';
import { LiveRuns, TakenOver } from './LiveRuns';

/** Says which runs were taken over, in the backend's log and in those of the tasks, and ends the process if it is to end then. */
export async function tellTakenOver(
  takenOver: TakenOver[],
  options: {
    runs: Pick<LiveRuns, 'warn'>;
    /** Ends the process; only given if it shall end when a run was taken over. */
    exit?: () => void;
    logger: LoggerService;
  },
): Promise<void> {
  const { runs, exit, logger } = options;
  if (takenOver.length === 0) {
    return;
  }
  for (const { taskId, message } of takenOver) {
    logger.error(`Task ${taskId}: ${message}`);
  }
  const warned = Promise.all(takenOver.map(t => runs.warn(t)));
  if (exit) {
    logger.error(
      'Ending this process, since tasks that it still runs were taken over (scaffolder.recoverTasksExitWhenTakenOver)',
    );
    // Each further moment may have an effect twice, so a database that is slow is not waited for.
    await Promise.race([warned.catch(() => {}), sleep(500)]);
    exit();
  }
  await warned;
}
