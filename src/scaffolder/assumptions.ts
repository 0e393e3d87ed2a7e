import { HEARTBEAT_INTERVAL_SECONDS, POLL_INTERVAL_SECONDS } from './intervals';
import { RETRY_ROUTE } from './routes';
import {
  DEFAULT_CONCURRENT_TASKS,
  DEFAULT_STALE_TIMEOUT,
  DEFAULT_TASK_TIMEOUT,
} from './settings/settings';
import { claimedTask } from './statements/claimedTask';
import { heartbeatTask } from './statements/heartbeatTask';
import { retriedTask } from './statements/retriedTask';
import { endOfTask, runStatement } from './statements/runStatement';
import { isPoll } from './statements/ScaffolderPoll';
import { ENDED, IN_FLIGHT_STATUSES, SCAFFOLDER_TABLES } from './tables';
import { EVENT_TYPES, TASK_TOPIC } from './taskEvents';
import { parseTaskRecord, parseTaskSpec } from './taskRecord';
import { readSecrets } from './taskSecrets';

/**
 * All that this module relies on of @backstage/plugin-scaffolder-backend beyond its public API. Start a review of a new release of
 * Backstage here: `assumptions.test.ts` compares this with the release that is installed, and `ScaffolderCheck` verifies at run time
 * what can be verified then. The keys of its settings are in `settings/`.
 */
export const ASSUMPTIONS = {
  /** The releases that all tests and `npm run compat` ran with, by major and minor version. Checked when a backend starts. */
  testedVersions: ['4.2', '4.3'],

  /** What the module needs of SQLite: `string_agg` with an order, and `octet_length`. Checked when a backend starts. */
  oldestSqlite: '3.44.0',

  /**
   * Tables and their columns. Checked when a backend starts and whenever a statement has failed. Without them nothing is decided on
   * (`DatabaseReadiness`).
   */
  tables: SCAFFOLDER_TABLES,

  /** A worker takes `open` tasks, runs them as `processing`, and a retry opens those that have ended. */
  statuses: { inFlight: IN_FLIGHT_STATUSES, ended: ENDED },

  /** `task_events.event_type`. The bodies that the module writes are in `taskEvents.ts`. */
  eventTypes: EVENT_TYPES,

  /**
   * Where the scaffolder publishes `{ id, status: 'open' }` for a new task, `{ id, status: 'processing' }` for a claim, after its
   * statement and before its transaction is committed, and `{ id, status }` with one of the statuses of ended tasks before the end is committed.
   * A payload with a `taskId` is about an event of that task. Events are hints: what is missed is found in the database.
   */
  topic: TASK_TOPIC,

  /**
   * What is read of `tasks.spec`, `tasks.state` and `tasks.secrets`. The first two are checked with each task: one that cannot be read is
   * reported and left alone. Of the secrets it is read whether a worker can read them, and when the sign-in expires.
   */
  shapes: {
    spec: parseTaskSpec,
    state: parseTaskRecord,
    secrets: readSecrets,
  },

  /** How often, in seconds. That the poll comes is checked 30 s after the workers have started, and from then on (`PollCheck`). */
  intervals: {
    poll: POLL_INTERVAL_SECONDS,
    heartbeat: HEARTBEAT_INTERVAL_SECONDS,
  },

  /**
   * What counts while it is not configured, in seconds and tasks. The poll opens a running task that is silent for `staleTimeout`, and
   * the janitor closes one that is silent for `taskTimeout`, every five minutes.
   */
  defaults: {
    staleTimeout: DEFAULT_STALE_TIMEOUT,
    taskTimeout: DEFAULT_TASK_TIMEOUT,
    concurrentTasks: DEFAULT_CONCURRENT_TASKS,
  },

  /**
   * The statements that are recognised as they pass through knex. No event of the scaffolder says as much.
   *
   * - `claim`: this process owns the run of the task. Checked with a claim of no task when a backend starts, and with each event of a claim.
   * - `heartbeat`: this process runs the task. Only used to check claims.
   * - `run`: what a run waits for, and its heartbeats. Of a run that a lost connection broke no more is sent (`RunGuard`).
   * - `end`: is refused for such a run, and gets a condition: that nobody has reclaimed the task. If these two are not recognised, the task
   *   fails, as without the module.
   * - `retry`: gets the state from which the task goes on. Checked with each retry (`Retries`).
   * - `poll`: this process opens tasks now, and next in ten seconds. Checked by `PollCheck`.
   */
  statements: {
    claim: claimedTask,
    heartbeat: heartbeatTask,
    run: runStatement,
    end: endOfTask,
    retry: retriedTask,
    poll: isPoll,
  },

  /**
   * The route before which the module's own stands, and the status of its answer once its statement is committed. A retry by another route
   * runs all steps, and one with another status is not recorded.
   */
  retryRoute: RETRY_ROUTE,

  /**
   * What the runner of tasks asks of a workspace provider and of the task's record, in the order of its source (`executeStep` and `execute` of
   * `NunjucksWorkflowRunner`, 4.2.0 and 4.3.0).
   *
   * - After a checkpoint, also one that failed or is skipped since it was saved, the workspace is offered.
   * - After a step it is offered before the step is recorded as completed. So a snapshot can be told from its number of completed steps.
   * - Of a step that failed or was skipped it is offered as well. Nothing tells these three from each other.
   * - Before the first step it is to be filled. The folder is there by then, with whatever an earlier run left.
   *
   * What the provider throws fails the step or the run. When a task has completed, and only then, its workspace is to be cleaned (`complete` of
   * `TaskManager`); what is thrown then is logged.
   */
  runnerCalls: [
    'serializeWorkspace',
    'serializeWorkspace',
    'updateStepState',
    'serializeWorkspace',
    'rehydrateWorkspace',
  ],

  /**
   * `coreServices.database` gives the module and the plugin the same knex instance, and knex reports each statement of it by these
   * events: `start` before the statement is compiled, so that a value can be added; `query`; and `query-response` before the sender
   * gets the answer, of an update the number of changed rows. Checked with the claim of no task.
   */
  knexEvents: ['start', 'query', 'query-response'],
} as const;

/*
 * And the order of things:
 *
 * - A module is initialised before its plugin, and both get one `rootConfig` (`settings/supplySettings.ts`).
 * - The tables exist in the plugin's startup hooks. Workers start later, in those of the root lifecycle, so that the first pass is made
 *   before any claim. Checked: a claim before that is reported.
 * - A worker only looks for open tasks when it starts, after each claim, and when its own process dispatches, retries or polls.
 * - A run has the folder `<working directory>/<task id>` from shortly after the claim until it ends (`RunFolders`).
 */
