/** Open tasks that were handed over to nudge a worker. */
export const NUDGES = 'scaffolder_recovery_wakeups';

/** Runs that their backend marked as interrupted: it was asked to end, or lost its connection to the database. */
export const SHUTDOWNS = 'scaffolder_recovery_shutdowns';

/** The processes that run tasks. */
export const PROCESSES = 'scaffolder_recovery_processes';

/** The process that claimed each task in flight. */
export const CLAIMS = 'scaffolder_recovery_claims';

/** The strategy of each task in flight. */
export const STRATEGIES = 'scaffolder_recovery_strategies';

/** One row for each decision on a task: after an interruption, or for a retry. */
export const ATTEMPTS = 'scaffolder_recovery_attempts';

/** The condition for decisions on interrupted tasks. Whoever retries a task decides that by himself. */
export const ON_INTERRUPTION = `${ATTEMPTS}.trigger = 'interruption'`;

/** The condition for decisions of which it is not known what came, word for word as in the index of the migrations. */
export const UNSETTLED = `${ATTEMPTS}.outcome in ('waiting', 'running')`;

/** One row for each snapshot of a workspace, and for each run that began. */
export const SNAPSHOTS = 'scaffolder_recovery_snapshots';

/** The files of each snapshot, in parts of at most 1 MB. */
export const MANIFESTS = 'scaffolder_recovery_manifests';

/** The content of files, in packs of about 1 MB. */
export const PACKS = 'scaffolder_recovery_packs';

/** Which stores beside the database may have something of which tasks. */
export const STORED = 'scaffolder_recovery_stored';

/** The strategy of a task in flight, and where it came from. */
export type DbStrategyRow = {
  task_id: string;
  strategy: string;
  source: string;
  remark: string | null;
  /** The template's own limit for attempts, if it has one. */
  max_attempts: number | null;
};

/** A decision on a task, and the outcome of the run that it led to. */
export type DbAttemptRow = {
  task_id: string;
  attempt: number;
  /** interruption, or retry if somebody started the task again after it had ended. */
  trigger: string;
  decision: string;
  template_ref: string | null;
  strategy: string | null;
  strategy_source: string | null;
  /** What the log of the task says about the decision. */
  reason: string | null;
  /** The id of a step. */
  interrupted_at: string | null;
  /** JSON: ids of steps. */
  skipped_steps: string | null;
  /** JSON */
  steps_again: string | null;
  /** JSON */
  files: string | null;
  seconds_silent: number | null;
  /** As with all moments here, a `Date` on PostgreSQL and a string in UTC on SQLite. */
  decided_at: Date | string;
  /** A number on SQLite. */
  planned: boolean | number;
  /** silence, shutdown, crash or connection. Null for a retry, and in rows of earlier releases. */
  interrupted_by: string | null;
  /** Of crash: lock or pid. */
  known_by: string | null;
  /** Attempts used: recoveries in a row without progress. */
  spent: number;
  finished_steps: number;
  /** Whether it is the isolated final attempt. A number on SQLite. */
  last_chance: boolean | number;
  /** waiting, running, completed, failed, cancelled, interrupted, withdrawn or closed. */
  outcome: string;
  claimed_at: Date | string | null;
  resumed_at: Date | string | null;
  ended_at: Date | string | null;
};

/** The mark on an interrupted run, with the last `recovered` event of the task before that run, 0 if there was none. */
export type DbShutdownRow = {
  task_id: string;
  recovered_event: number | string;
  /** shutdown, or connection if the run ended since its process lost a connection to the database. */
  cause: string;
  /** Of connection: what the database said. */
  problem: string | null;
};

/** When an open task was handed over to nudge a worker. */
export type DbNudgeRow = {
  task_id: string;
  woken_at: Date | string;
};

/** A process that runs tasks. */
export type DbProcessRow = {
  /** From 1. */
  number: number;
  host: string;
  pid: number;
  /** As its operating system reports it. */
  started: string | null;
  /** A number on SQLite. */
  holds_lock: boolean | number;
  begun_at: Date | string;
};

/** The process that claimed a task, with the last `recovered` event before the claim, 0 if there was none. */
export type DbClaimRow = {
  task_id: string;
  /** The number of a process. */
  process: number;
  /** A string on PostgreSQL. */
  recovered_event: number | string;
};

/** A snapshot of a workspace, or the begin of a run. */
export type DbSnapshotRow = {
  task_id: string;
  /** Counts the rows of a task, from 1. */
  number: number;
  kind: 'begin' | 'files';
  /** Counts the runs of a task, from 1. */
  epoch: number;
  /** Of `begin`: what was restored, if anything. Of `files`: the row before it in the run. */
  base: number | null;
  /** The newest id in `task_events`, or 0. A string on PostgreSQL. */
  last_event: number | string;
  /** Of `begin` only. */
  attempt: number | null;
  /** Of `files` only, and null where it is not known. A number on SQLite. */
  changed: boolean | number | null;
  /** Why there is no content, if there is none. */
  missing: string | null;
  files: number;
  /** A string on PostgreSQL. */
  bytes: number | string;
  /** A string on PostgreSQL. */
  stored_bytes: number | string;
  created_at: Date | string;
  /** JSON: what the content is read with, see `SnapshotNeeds`. Null: the database, and no key. */
  needs: string | null;
  /** JSON, of `files` only: the ids of the packs that it added. Null where they are not known. */
  packs: string | null;
};

/** A part of the manifest of a snapshot, which lists its files. */
export type DbManifestRow = {
  task_id: string;
  number: number;
  /** From 0. */
  part: number;
  content: Buffer;
};

/** A pack with content of files. */
export type DbPackRow = {
  task_id: string;
  /** A UUID. */
  pack: string;
  content: Buffer;
};

/** That a store beside the database may have something of a task. */
export type DbStoredRow = {
  task_id: string;
  /** The id of a store. */
  store: string;
  /** When all that was there was last deleted, if it was. */
  emptied_at: Date | string | null;
};
