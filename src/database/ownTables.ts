import {
  ATTEMPTS,
  CLAIMS,
  DbAttemptRow,
  DbClaimRow,
  DbManifestRow,
  DbNudgeRow,
  DbPackRow,
  DbProcessRow,
  DbShutdownRow,
  DbSnapshotRow,
  DbStoredRow,
  DbStrategyRow,
  MANIFESTS,
  PACKS,
  PROCESSES,
  SHUTDOWNS,
  SNAPSHOTS,
  STORED,
  STRATEGIES,
  NUDGES,
} from './tables';

/** Columns by table. Typed so that a column which is added to a row cannot be left out here. */
type Columns<T> = Record<keyof T, true>;

const strategyColumns: Columns<DbStrategyRow> = {
  task_id: true,
  strategy: true,
  source: true,
  remark: true,
  max_attempts: true,
};

const attemptColumns: Columns<DbAttemptRow> = {
  task_id: true,
  attempt: true,
  trigger: true,
  decision: true,
  template_ref: true,
  strategy: true,
  strategy_source: true,
  reason: true,
  interrupted_at: true,
  skipped_steps: true,
  steps_again: true,
  files: true,
  seconds_silent: true,
  decided_at: true,
  planned: true,
  interrupted_by: true,
  known_by: true,
  spent: true,
  finished_steps: true,
  last_chance: true,
  outcome: true,
  claimed_at: true,
  resumed_at: true,
  ended_at: true,
};

const snapshotColumns: Columns<DbSnapshotRow> = {
  task_id: true,
  number: true,
  kind: true,
  epoch: true,
  base: true,
  last_event: true,
  attempt: true,
  changed: true,
  missing: true,
  files: true,
  bytes: true,
  stored_bytes: true,
  created_at: true,
  needs: true,
  packs: true,
};

const manifestColumns: Columns<DbManifestRow> = {
  task_id: true,
  number: true,
  part: true,
  content: true,
};

const packColumns: Columns<DbPackRow> = {
  task_id: true,
  pack: true,
  content: true,
};

const storedColumns: Columns<DbStoredRow> = {
  task_id: true,
  store: true,
  emptied_at: true,
};

const shutdownColumns: Columns<DbShutdownRow> = {
  task_id: true,
  recovered_event: true,
  cause: true,
  problem: true,
};

const processColumns: Columns<DbProcessRow> = {
  number: true,
  host: true,
  pid: true,
  started: true,
  holds_lock: true,
  begun_at: true,
};

const claimColumns: Columns<DbClaimRow> = {
  task_id: true,
  process: true,
  recovered_event: true,
};

const nudgeColumns: Columns<DbNudgeRow> = {
  task_id: true,
  woken_at: true,
};

/** The module's tables, with their columns. */
export const OWN_TABLES: Record<string, string[]> = {
  [STRATEGIES]: Object.keys(strategyColumns),
  [ATTEMPTS]: Object.keys(attemptColumns),
  [SHUTDOWNS]: Object.keys(shutdownColumns),
  [PROCESSES]: Object.keys(processColumns),
  [CLAIMS]: Object.keys(claimColumns),
  [NUDGES]: Object.keys(nudgeColumns),
  [SNAPSHOTS]: Object.keys(snapshotColumns),
  [MANIFESTS]: Object.keys(manifestColumns),
  [PACKS]: Object.keys(packColumns),
  [STORED]: Object.keys(storedColumns),
};
