import { LoggerService } from '@backstage/backend-plugin-api';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BatchDecider } from '../../src/recovery/BatchDecider';
import { BuiltInLooks } from '../../src/recovery/BuiltInLooks';
import { HandOvers } from '../../src/recovery/HandOvers';
import { LastChances } from '../../src/recovery/LastChances';
import { LiveRuns } from '../../src/recovery/LiveRuns';
import { combineListeners } from '../../src/recovery/RecoveryListener';
import { RecoveryPass } from '../../src/recovery/RecoveryPass';
import { Steadiness } from '../../src/recovery/Steadiness';
import { WorkspaceCleaner } from '../../src/recovery/WorkspaceCleaner';
import { SnapshotConfig } from '../../src/workspace/snapshotConfig';
import { Workspaces } from '../../src/recovery/Workspaces';

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
  const workspaces = new Workspaces(workingDirectory, logger);
  // Nobody reads here once a second, which would count as a stall. A clock that stands still knows none.
  const steadiness = new Steadiness(() => 0);
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
    runs: new LiveRuns({ knex, workspaces }),
    steadiness,
    looks: new BuiltInLooks(),
    events: DefaultEventsService.create({ logger }),
    listener: combineListeners([], logger),
    logger,
  };
  const handOvers = new HandOvers(shared);
  return new RecoveryPass({
    ...shared,
    decider: new BatchDecider({
      ...shared,
      handOvers,
      lastChances: new LastChances(shared),
    }),
    handOvers,
    cleaner: new WorkspaceCleaner({
      knex,
      timeoutSeconds: TIMEOUT_SECONDS,
      workspaces,
      steadiness,
      logger,
    }),
  });
}
