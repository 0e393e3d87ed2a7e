import { LoggerService } from '@backstage/backend-plugin-api';
import { DATABASE_PROVIDER, RECOVERY_PROVIDER } from './settings';

/** Says, when the process starts, which promise about the files of tasks does not hold with the workspace provider that is configured. */
export function warnOfWorkspaceProvider(
  { workspaceProvider }: { workspaceProvider?: string },
  logger: LoggerService,
): void {
  if (
    workspaceProvider === undefined ||
    workspaceProvider === RECOVERY_PROVIDER
  ) {
    return;
  }
  const key = `scaffolder.taskRecovery.workspaceProvider is '${workspaceProvider}'`;
  logger.warn(
    workspaceProvider === DATABASE_PROVIDER
      ? `${key}: a task that goes on, none of whose finished steps runs again, begins with the files that were stored last. With them are those that the interrupted step had written up to its last checkpoint`
      : `${key}, whose stored files this module cannot remove: a task that runs again begins with the files that it restores, also with the strategy 'restart', and a step may find what an interrupted run had half written`,
  );
}
