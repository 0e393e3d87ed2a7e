import { Config } from '@backstage/config';

/*
 * The scaffolder's own settings that recovery depends on, with their defaults (@backstage/plugin-scaffolder-backend 4.2.0 and 4.3.0).
 * The legacy keys count when the others are not set.
 */

export const ENABLED = 'scaffolder.taskRecovery.enabled';
export const LEGACY_ENABLED = 'scaffolder.EXPERIMENTAL_recoverTasks';

export const STALE_TIMEOUT = 'scaffolder.taskRecovery.staleTimeout';
export const LEGACY_STALE_TIMEOUT =
  'scaffolder.EXPERIMENTAL_recoverTasksTimeout';
/** `StorageTaskBroker.recoverTasks` */
export const DEFAULT_STALE_TIMEOUT = 30;

export const TASK_TIMEOUT = 'scaffolder.taskTimeout';
/** `createRouter` */
export const DEFAULT_TASK_TIMEOUT = 24 * 3600;

export const CONCURRENT_TASKS = 'scaffolder.concurrentTasksLimit';
/** `TaskWorker.create` */
export const DEFAULT_CONCURRENT_TASKS = 10;

/** Where tasks run. The temp folder of the system unless it is set (`getWorkingDirectory`). */
export const WORKING_DIRECTORY = 'backend.workingDirectory';

export const WORKSPACE_PROVIDER = 'scaffolder.taskRecovery.workspaceProvider';
const LEGACY_PROVIDER_ENABLED =
  'scaffolder.EXPERIMENTAL_workspaceSerialization';
const LEGACY_PROVIDER =
  'scaffolder.EXPERIMENTAL_workspaceSerializationProvider';

/** The provider of `@backstage/plugin-scaffolder-backend-module-workspace-database`. */
export const DATABASE_PROVIDER = 'database';

/** The provider of this module. */
export const RECOVERY_PROVIDER = 'recovery';

/** Whether a workspace provider is chosen by the legacy keys. From the environment it is a string. Never throws. */
export function isLegacyProviderOn(config: Config): boolean {
  try {
    return config.getOptionalBoolean(LEGACY_PROVIDER_ENABLED) ?? false;
  } catch {
    // No truth value: told when it is read.
    return false;
  }
}

/** The workspace provider that is configured, if one is (`resolveWorkspaceProvider` of `WorkspaceService`). */
export function readWorkspaceProvider(config: Config): string | undefined {
  const isLegacy = config.getOptionalBoolean(LEGACY_PROVIDER_ENABLED) ?? false;
  return (
    config.getOptionalString(WORKSPACE_PROVIDER) ??
    (isLegacy
      ? (config.getOptionalString(LEGACY_PROVIDER) ?? DATABASE_PROVIDER)
      : undefined)
  );
}
