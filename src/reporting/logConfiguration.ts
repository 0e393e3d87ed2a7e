import { LoggerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import {
  DATABASE_PROVIDER,
  RECOVERY_PROVIDER,
  WORKSPACE_PROVIDER,
} from '../scaffolder/settings/settings';
import { OWN_SETTINGS, RECOVER_TASKS } from '../util/ownSettings';

/** Says when the process starts that the module is installed and does nothing, unless that was configured. */
export function logRecoveryOff(config: Config, logger: LoggerService): void {
  if (!config.has(RECOVER_TASKS)) {
    logger.info(
      'Task recovery is off: scaffolder.recoverTasks is not set, so interrupted tasks stay in progress. Set it to true to have them recovered, or to false to silence this line',
    );
  }
}

/**
 * Says when the process starts that tasks are recovered, and of what is configured or not, what an operator may not expect.
 *
 * @param start.supplied - settings of the scaffolder that the module supplies, since nobody has set them
 * @param start.workspaceProvider - the name of the scaffolder's workspace provider
 * @param start.isInMemory - whether the scaffolder's database ends with this process
 */
export function logRecoveryOn(
  start: {
    supplied: JsonObject;
    workspaceProvider: string | undefined;
    isInMemory: boolean;
  },
  logger: LoggerService,
): void {
  const supplied = Object.entries(start.supplied).map(
    ([key, value]) => `scaffolder.taskRecovery.${key}: ${value}`,
  );
  logger.info(
    `Task recovery is on (scaffolder.recoverTasks is true)${
      supplied.length > 0
        ? `. Settings of the scaffolder that are not set, and that this module supplies: ${supplied.join(', ')}`
        : ''
    }`,
  );
  if (start.isInMemory) {
    logger.warn(
      "The scaffolder's database is in memory: its tasks end with this process, and none can be recovered. Use PostgreSQL, or SQLite in a file: set backend.database.connection to { directory: ./database }",
    );
  }
  warnOfWorkspaceProvider(start.workspaceProvider, logger);
}

/** Warns of keys that look like settings of this module and are none. What is meant by them has no effect. */
export function warnOfUnknownSettings(
  config: Config,
  logger: LoggerService,
): void {
  // Whatever it is: a backend that starts without this module starts with it.
  const keys = Object.keys(Object(config.getOptional('scaffolder')));
  const known = OWN_SETTINGS.map(setting => setting.split('.')[1]);
  const unknown = keys.filter(
    key => /^recover/i.test(key) && !known.includes(key),
  );
  for (const key of unknown) {
    logger.warn(
      `scaffolder.${key} is not a setting of task recovery, and has no effect. Those below scaffolder are ${known.join(', ')}`,
    );
  }
}

/** Says which promise about the files of tasks does not hold with the workspace provider that is configured. */
function warnOfWorkspaceProvider(
  workspaceProvider: string | undefined,
  logger: LoggerService,
): void {
  if (
    workspaceProvider === undefined ||
    workspaceProvider === RECOVERY_PROVIDER
  ) {
    return;
  }
  const key = `${WORKSPACE_PROVIDER} is '${workspaceProvider}'`;
  logger.warn(
    workspaceProvider === DATABASE_PROVIDER
      ? `${key}: a task that goes on without running a finished step again begins with the files stored last, including what the interrupted step wrote up to its last checkpoint`
      : `${key}, whose stored files this module cannot remove: a task that runs again begins with the files that it restores, also with the strategy 'restart', and a step may find what an interrupted run had half written`,
  );
}
