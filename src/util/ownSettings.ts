/*
 * The settings of this module, which `config.d.ts` documents.
 */

export const RECOVER_TASKS = 'scaffolder.recoverTasks';
export const TIMEOUT = 'scaffolder.recoverTasksTimeout';
export const MAX_ATTEMPTS = 'scaffolder.recoverTasksMaxAttempts';
export const EXIT_ON_LOST_OWNERSHIP =
  'scaffolder.recoverTasksExitOnLostOwnership';
export const NOTIFY = 'scaffolder.recoverTasksNotify';
export const WORKSPACES = 'scaffolder.recoverTasksWorkspaces';

/** All of them, in the order of `config.d.ts`. */
export const OWN_SETTINGS = [
  RECOVER_TASKS,
  TIMEOUT,
  MAX_ATTEMPTS,
  EXIT_ON_LOST_OWNERSHIP,
  NOTIFY,
  WORKSPACES,
];

export const STORES = `${WORKSPACES}.stores`;
export const ENCRYPTION_KEYS = `${WORKSPACES}.encryptionKeys`;
