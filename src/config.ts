import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { JsonObject } from '@backstage/types';
import os from 'node:os';
import {
  CONCURRENT_TASKS,
  DEFAULT_CONCURRENT_TASKS,
  DEFAULT_STALE_TIMEOUT,
  DEFAULT_TASK_TIMEOUT,
  ENABLED,
  LEGACY_ENABLED,
  LEGACY_STALE_TIMEOUT,
  isLegacyProviderOn,
  readWorkspaceProvider,
  RECOVERY_PROVIDER,
  STALE_TIMEOUT,
  TASK_TIMEOUT,
  WORKING_DIRECTORY,
} from './scaffolder/settings/settings';
import { supplySettings } from './scaffolder/settings/supplySettings';
import { humanize, Reading, readSeconds, yaml } from './util/durations';
import {
  EXIT_ON_LOST_OWNERSHIP,
  MAX_ATTEMPTS,
  NOTIFY,
  RECOVER_TASKS,
  TIMEOUT,
} from './util/ownSettings';
import { readBoolean, readNumber, readString } from './util/readSetting';
import {
  areSnapshotsOff,
  readSnapshotConfig,
  SnapshotConfig,
} from './workspace/snapshotConfig';

/** What the module was configured to do. Read once, checked, with all defaults applied. */
export type RecoveryConfig = {
  /** A running task that was silent for this long is interrupted. */
  timeoutSeconds: number;
  /** The scaffolder's own recovery takes tasks that were silent for this long. */
  staleTimeoutSeconds: number;
  /** The scaffolder's janitor closes tasks that were silent for this long. */
  taskTimeoutSeconds: number;
  /** The workspace provider of the scaffolder, if one is configured. */
  workspaceProvider?: string;
  /** What is kept of the files of running tasks. Nothing if that is left to another workspace provider, or switched off. */
  snapshots?: SnapshotConfig;
  /** How many tasks this process runs at once. */
  concurrentTasks: number;
  /** Where the folders of running tasks are. */
  workingDirectory: string;
  /** Whether the process ends when one of its runs has lost ownership. */
  exitOnLostOwnership: boolean;
  /** How often a task is recovered in a row without progress, unless its template sets `maxAttempts`. */
  maxAttempts: number;
  /** Whether the people who started tasks are notified. */
  notify: boolean;
};

const HOUR = 3600;
const DEFAULT_MAX_ATTEMPTS = 3;
/** Of `scaffolder.recoverTasksTimeout`, in seconds. */
export const DEFAULT_TIMEOUT = 30;
/** A running task beats every second; less than five beats is not silence. */
const MIN_TIMEOUT = 5;
/** Long enough for a backend to be down overnight. */
const SUGGESTED_STALE_TIMEOUT = 12 * HOUR;
/** Between one recovery's time to act and the next one's: 30 passes of the module, three of the scaffolder. */
const MARGIN = 30;

const OFF = `scaffolder:
  recoverTasks: false # until the scaffolder's database is PostgreSQL or SQLite`;

/** Whether the module is switched on. Switched off, it does nothing. */
export function isRecoveryOn(config: Config): boolean {
  return config.getOptionalBoolean(RECOVER_TASKS) ?? false;
}

/**
 * What the module supplies below `scaffolder.taskRecovery`, unless it is set there or by a legacy key.
 *
 * Never throws: `readRecoveryConfig` reports what is wrong with the configuration.
 */
export function neededSettings(config: Config): JsonObject {
  const timeout = readSeconds(config, [TIMEOUT], DEFAULT_TIMEOUT, []);
  const taskTimeout = readSeconds(
    config,
    [TASK_TIMEOUT],
    DEFAULT_TASK_TIMEOUT,
    [],
  );
  const staleSeconds = fittingStaleTimeout(
    SUGGESTED_STALE_TIMEOUT,
    timeout.seconds,
    taskTimeout.seconds,
  );
  return {
    ...(!config.has(LEGACY_ENABLED) && { enabled: true }),
    ...(!config.has(LEGACY_STALE_TIMEOUT) && {
      staleTimeout: humanize(staleSeconds),
    }),
    ...(!isLegacyProviderOn(config) &&
      !areSnapshotsOff(config) && { workspaceProvider: RECOVERY_PROVIDER }),
  };
}

/** As near as possible to the one that is wanted, between the other timeouts. */
function fittingStaleTimeout(
  wanted: number,
  timeoutSeconds: number,
  taskTimeoutSeconds: number,
): number {
  return Math.min(
    Math.max(wanted, timeoutSeconds + MARGIN),
    taskTimeoutSeconds - MARGIN,
  );
}

/**
 * Reads the configuration of a module that is switched on, in which the scaffolder finds from now on what it needs and nobody has set.
 *
 * @param databaseClient - knex's name of the database driver
 * @returns also which settings those are.
 * @throws InputError as `readRecoveryConfig` does. Then the configuration is as it was: a backend that starts without this module must
 *   not recover tasks by itself.
 */
export function configureRecovery(
  rootConfig: Config,
  databaseClient: string,
): { config: RecoveryConfig; supplied: JsonObject } {
  const { supplied, withdraw } = supplySettings(rootConfig, neededSettings);
  try {
    return { config: readRecoveryConfig(rootConfig, databaseClient), supplied };
  } catch (error) {
    withdraw();
    throw error;
  }
}

/**
 * Reads the configuration of a module that is switched on.
 *
 * @param databaseClient - knex's name of the database driver
 * @throws InputError that reports all that is wrong together, with the lines to paste.
 */
export function readRecoveryConfig(
  config: Config,
  databaseClient: string,
): RecoveryConfig {
  const problems: string[] = [];

  const timeout = readSeconds(config, [TIMEOUT], DEFAULT_TIMEOUT, problems);
  if (timeout.valid && timeout.seconds < MIN_TIMEOUT) {
    problems.push(
      `${TIMEOUT} is ${timeout.text}; it must be at least ${MIN_TIMEOUT} seconds, since a running task writes its heartbeat every second.`,
    );
    timeout.valid = false;
  }

  problems.push(...problemsWithEnabled(config));

  const stale = readSeconds(
    config,
    [STALE_TIMEOUT, LEGACY_STALE_TIMEOUT],
    DEFAULT_STALE_TIMEOUT,
    problems,
  );
  if (
    timeout.valid &&
    stale.valid &&
    stale.seconds < timeout.seconds + MARGIN
  ) {
    problems.push(
      `${stale.key} is ${stale.text}; it must exceed ${TIMEOUT} (${timeout.text}) by at least ${MARGIN} seconds. Otherwise the scaffolder's own recovery restarts tasks that must not run twice before this module decides.`,
    );
    stale.valid = false;
  }

  const taskTimeout = readSeconds(
    config,
    [TASK_TIMEOUT],
    DEFAULT_TASK_TIMEOUT,
    problems,
  );
  if (
    stale.valid &&
    taskTimeout.valid &&
    stale.seconds > taskTimeout.seconds - MARGIN
  ) {
    problems.push(
      `${stale.key} is ${stale.text}; it must be below ${TASK_TIMEOUT} (${taskTimeout.text}) by at least ${MARGIN} seconds. Otherwise the scaffolder closes tasks that are to be recovered.`,
    );
    stale.valid = false;
  }

  const maxAttempts = readMaxAttempts(config, problems);

  const workspaceProvider = readWorkspaceProvider(config, problems);
  const snapshots = readSnapshotConfig(config, workspaceProvider, problems);

  const concurrentTasks = readNumber(
    config,
    CONCURRENT_TASKS,
    DEFAULT_CONCURRENT_TASKS,
    problems,
  );
  const workingDirectory = readString(
    config,
    WORKING_DIRECTORY,
    os.tmpdir(),
    problems,
  );
  const exitOnLostOwnership = readBoolean(
    config,
    EXIT_ON_LOST_OWNERSHIP,
    false,
    problems,
  );
  const notify = readBoolean(config, NOTIFY, false, problems);

  const isMySql = databaseClient.includes('mysql');
  if (isMySql) {
    problems.push(
      `The scaffolder's database is '${databaseClient}'; PostgreSQL ('pg') and SQLite ('better-sqlite3') are supported. On MySQL the scaffolder cannot put tasks back into its queue.`,
    );
  }

  if (problems.length > 0) {
    throw new InputError(
      report(
        problems,
        isMySql
          ? OFF
          : suggestion({ timeout, stale, taskTimeout, maxAttempts }),
      ),
    );
  }
  return {
    timeoutSeconds: timeout.seconds,
    staleTimeoutSeconds: stale.seconds,
    taskTimeoutSeconds: taskTimeout.seconds,
    workspaceProvider,
    snapshots,
    concurrentTasks,
    workingDirectory,
    exitOnLostOwnership,
    maxAttempts: maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    notify,
  };
}

function problemsWithEnabled(config: Config): string[] {
  const key =
    config.has(ENABLED) || !config.has(LEGACY_ENABLED)
      ? ENABLED
      : LEGACY_ENABLED;
  const problems: string[] = [];
  const enabled = readBoolean(config, key, undefined, problems);
  return enabled || problems.length > 0
    ? problems
    : [
        `${key} is ${
          enabled === undefined ? 'not set' : 'false'
        }; it must be true. Otherwise the scaffolder keeps neither the outputs of finished steps nor the secrets of a running task, and no task could go on.`,
      ];
}

/** Reads the limit. Nothing if it is wrong. */
function readMaxAttempts(
  config: Config,
  problems: string[],
): number | undefined {
  const before = problems.length;
  const found = readNumber(
    config,
    MAX_ATTEMPTS,
    DEFAULT_MAX_ATTEMPTS,
    problems,
    {
      be: 'a whole number of at least 1: how often a task is recovered in a row without progress',
      isMet: value => Number.isSafeInteger(value) && value >= 1,
    },
  );
  return problems.length === before ? found : undefined;
}

/** Values that work, as near as possible to those that were found. */
function suggestion({
  timeout,
  stale,
  taskTimeout,
  maxAttempts,
}: {
  timeout: Reading;
  stale: Reading;
  taskTimeout: Reading;
  maxAttempts: number | undefined;
}): string {
  const timeoutSeconds = timeout.valid ? timeout.seconds : DEFAULT_TIMEOUT;
  const lowest = timeoutSeconds + MARGIN;
  let taskTimeoutSeconds = taskTimeout.valid
    ? taskTimeout.seconds
    : DEFAULT_TASK_TIMEOUT;
  const changeTaskTimeout = lowest > taskTimeoutSeconds - MARGIN;
  if (changeTaskTimeout) {
    taskTimeoutSeconds = Math.max(DEFAULT_TASK_TIMEOUT, 2 * lowest);
  }
  const wanted = stale.valid ? stale.seconds : SUGGESTED_STALE_TIMEOUT;
  const staleSeconds = fittingStaleTimeout(
    wanted,
    timeoutSeconds,
    taskTimeoutSeconds,
  );

  return [
    'scaffolder:',
    '  recoverTasks: true',
    `  recoverTasksTimeout: ${yaml(timeoutSeconds)}`,
    ...(maxAttempts === undefined
      ? [`  recoverTasksMaxAttempts: ${DEFAULT_MAX_ATTEMPTS}`]
      : []),
    '  taskRecovery:',
    '    enabled: true',
    `    staleTimeout: ${yaml(staleSeconds)}`,
    ...(changeTaskTimeout || !taskTimeout.valid
      ? [`  taskTimeout: ${yaml(taskTimeoutSeconds)}`]
      : []),
  ].join('\n');
}

function report(problems: string[], lines: string): string {
  const list =
    problems.length === 1
      ? problems[0]
      : problems.map((p, i) => `${i + 1}. ${p}`).join('\n');
  return `scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:\n\n${list}\n\nThese lines in app-config.yaml work:\n\n${lines}\n`;
}
