import { Config } from '@backstage/config';
import { readBoolean, readString } from '../../util/readSetting';

/*
 * The scaffolder's own settings that recovery depends on, with their defaults (@backstage/plugin-scaffolder-backend 4.2.0 and 4.3.0).
 * The legacy keys count when the others are not set.
 */

/** Whether the scaffolder polls for stale tasks, and keeps the outputs of finished steps and the secrets of running tasks. */
export const ENABLED = 'scaffolder.taskRecovery.enabled';
export const LEGACY_ENABLED = 'scaffolder.EXPERIMENTAL_recoverTasks';

/** After how long a silence the scaffolder's own recovery takes a task. */
export const STALE_TIMEOUT = 'scaffolder.taskRecovery.staleTimeout';
export const LEGACY_STALE_TIMEOUT =
  'scaffolder.EXPERIMENTAL_recoverTasksTimeout';
/** In seconds (`StorageTaskBroker.recoverTasks`). */
export const DEFAULT_STALE_TIMEOUT = 30;

/** After how long a silence the scaffolder closes a task. */
export const TASK_TIMEOUT = 'scaffolder.taskTimeout';
/** In seconds (`createRouter`). */
export const DEFAULT_TASK_TIMEOUT = 24 * 3600;

export const CONCURRENT_TASKS = 'scaffolder.concurrentTasksLimit';
/** How many tasks a process runs at once (`TaskWorker.create`). */
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

/**
 * Whether a workspace provider is chosen by the legacy keys. From the environment it is a string.
 *
 * @param problems - gets what is wrong with it, if anything is
 */
export function isLegacyProviderOn(
  config: Config,
  problems: string[] = [],
): boolean {
  return readBoolean(config, LEGACY_PROVIDER_ENABLED, false, problems);
}

/**
 * The workspace provider that is configured, if one is (`resolveWorkspaceProvider` of `WorkspaceService`).
 *
 * @param problems - gets what is wrong with it, if anything is
 */
export function readWorkspaceProvider(
  config: Config,
  problems: string[],
): string | undefined {
  const isLegacy = isLegacyProviderOn(config, problems);
  return (
    readString(config, WORKSPACE_PROVIDER, undefined, problems) ??
    (isLegacy
      ? readString(config, LEGACY_PROVIDER, DATABASE_PROVIDER, problems)
      : undefined)
  );
}
