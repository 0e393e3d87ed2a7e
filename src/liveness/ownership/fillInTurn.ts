import { LoggerService } from '@backstage/backend-plugin-api';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { OwnedRuns } from './OwnedRuns';
import { OwnershipLostError } from './OwnershipLostError';
import { RunTurns } from './RunTurns';

/**
 * Fills the folder of the run of a task that was claimed last, once no earlier run of that task is alive in this process.
 *
 * @throws OwnershipLostError if a later one has been claimed meanwhile, and what `fill` throws.
 */
export async function fillInTurn(
  taskId: string,
  fill: () => Promise<void>,
  options: {
    turns: Pick<RunTurns<unknown>, 'fill'>;
    runs: Pick<OwnedRuns, 'waits' | 'takesTurn'>;
    folders: Pick<RunFolders, 'make'>;
    logger: LoggerService;
  },
): Promise<void> {
  const { turns, runs, folders, logger } = options;
  const isLast = await turns.fill(taskId, fill, {
    waits: () => {
      runs.waits(taskId);
      logger.info(
        `Task ${taskId} waits: an earlier run of it in this process has lost ownership, and has not ended its step yet`,
      );
    },
    turn: () => {
      runs.takesTurn(taskId);
      // The earlier run removed it, and a run without a folder does not count as alive for long.
      folders.make(taskId);
    },
  });
  if (!isLast) {
    throw new OwnershipLostError(taskId);
  }
}
