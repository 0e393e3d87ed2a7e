import { LoggerService } from '@backstage/backend-plugin-api';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BatchDecider } from '../../src/rescue/batch/BatchDecider';
import { ScaffolderPoll } from '../../src/scaffolder/statements/ScaffolderPoll';
import { Requeuer } from '../../src/rescue/requeue/Requeuer';
import { FinalAttempts } from '../../src/rescue/FinalAttempts';
import { OwnedRuns } from '../../src/liveness/OwnedRuns';
import { combineListeners } from '../../src/record/RecoveryListener';
import { RecoveryPass } from '../../src/rescue/RecoveryPass';
import { Settling } from '../../src/liveness/Settling';
import { FolderCleaner } from '../../src/workspace/folders/FolderCleaner';
import { SnapshotConfig } from '../../src/workspace/snapshotConfig';
import { RunFolders } from '../../src/workspace/folders/RunFolders';

export const TIMEOUT_SECONDS = 30;

export const TIMEOUTS = {
  timeoutSeconds: TIMEOUT_SECONDS,
  taskTimeoutSeconds: 24 * 3600,
};

/**
 * The module's pass, put together as in `src/module.ts`, in a process that runs no task.
 *
 * @param snapshots - what is kept of the files of running tasks, if anything is
 * @param ownDirectory - where runs would have their workspaces; a new temp folder, left to the caller's clean-up, if not given
 */
export async function createPass(
  knex: Knex,
  logger: LoggerService,
  ownDirectory?: string,
  snapshots?: SnapshotConfig,
): Promise<RecoveryPass> {
  const workingDirectory =
    ownDirectory ?? (await fs.mkdtemp(path.join(os.tmpdir(), 'bench-work-')));
  const workspaces = new RunFolders(workingDirectory, logger);
  // Nobody reads here once a second, which would count as a stall. A clock that stands still knows none.
  const settling = new Settling(() => 0);
  const shared = {
    knex,
    config: {
      ...TIMEOUTS,
      staleTimeoutSeconds: 12 * 3600,
      concurrentTasks: 10,
      workingDirectory,
      exitWhenTakenOver: false,
      maxAttempts: 3,
      notify: false,
      snapshots,
    },
    workspaces,
    runs: new OwnedRuns({ knex, workspaces }),
    settling,
    looks: new ScaffolderPoll(),
    events: DefaultEventsService.create({ logger }),
    listener: combineListeners([], logger),
    logger,
  };
  const requeuer = new Requeuer(shared);
  return new RecoveryPass({
    ...shared,
    decider: new BatchDecider({
      ...shared,
      requeuer,
      finalAttempts: new FinalAttempts(shared),
    }),
    requeuer,
    cleaner: new FolderCleaner({
      knex,
      timeoutSeconds: TIMEOUT_SECONDS,
      workspaces,
      settling,
      logger,
    }),
  });
}
