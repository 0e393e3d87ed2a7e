/** The module's share of PostgreSQL's advisory locks, which all programs on a database have in common. "Reco" in ASCII. */
const CLASS = 0x5265636f;

/** Held while the migrations run. */
export const MIGRATION_LOCK = [CLASS, -1] as const;

/** Held while the index on `tasks` is made. */
export const INDEX_LOCK = [CLASS, -2] as const;

/** Held while a worker is nudged. Its key is one number, which equals none of two. Replicas of an earlier release take the same one. */
export const NUDGE_LOCK = 7_201_511;

/** Held while it is decided which task has an isolated final attempt. Its key is one number as well. */
export const FINAL_ATTEMPT_LOCK = 7_201_512;

/**
 * The class of the locks that processes hold, the second key of which is their number: an expression of SQL. Backends whose plugins have
 * schemas of one database, and not databases, share its locks, and each schema has processes of its own.
 */
export const PROCESS_LOCK_CLASS = `hashtext('scaffolder_recovery_processes ' || current_schema())`;

/** Takes the lock of a process, of the two keys, for as long as the session lives. A statement of node-postgres. */
export const TRY_PROCESS_LOCK =
  'select pg_try_advisory_lock_shared($1, $2) as taken';

/** Asks which process of the server a session has. A statement of node-postgres. */
export const READ_SERVER_PROCESS = 'select pg_backend_pid() as pid';
