import { LoggerService } from '@backstage/backend-plugin-api';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { OwnedRuns } from '../../../src/liveness/ownership/OwnedRuns';
import { ProcessRegistration } from '../../../src/liveness/processes/ProcessRegistration';
import { readThisProcess } from '../../../src/liveness/processes/thisProcess';
import { Settling } from '../../../src/liveness/Settling';
import { combineListeners } from '../../../src/record/RecoveryListener';
import { createRecoveryPass } from '../../../src/rescue/createRecoveryPass';
import { RecoveryPass } from '../../../src/rescue/RecoveryPass';
import { ScaffolderPoll } from '../../../src/scaffolder/statements/ScaffolderPoll';
import { RunFolders } from '../../../src/workspace/folders/RunFolders';
import { SnapshotConfig } from '../../../src/workspace/snapshotConfig';

export const TIMEOUT_SECONDS = 30;

export const TIMEOUTS = {
  timeoutSeconds: TIMEOUT_SECONDS,
  taskTimeoutSeconds: 24 * 3600,
};

/**
 * The module's pass, in a process that runs no task.
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
  const folders = new RunFolders(workingDirectory, logger);
  const runs = new OwnedRuns({ knex, folders });
  // Nobody reads here once a second, which would count as a stall. A clock that stands still knows none.
  const settling = new Settling(() => 0);
  return createRecoveryPass({
    knex,
    config: {
      ...TIMEOUTS,
      staleTimeoutSeconds: 12 * 3600,
      concurrentTasks: 10,
      workingDirectory,
      exitOnLostOwnership: false,
      maxAttempts: 3,
      notify: false,
      snapshots,
    },
    folders,
    runs,
    registration: new ProcessRegistration({
      knex,
      process: readThisProcess(),
      settling,
      lockTrouble: { report: () => {}, over: () => {} },
      isTimeoutLong: false,
      logger,
    }),
    settling,
    poll: new ScaffolderPoll(),
    events: DefaultEventsService.create({ logger }),
    listener: combineListeners([], logger),
    logger,
  });
}
