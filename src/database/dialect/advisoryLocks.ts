/** The module's share of PostgreSQL's advisory locks, which all programs on a database have in common. "Reco" in ASCII. */
const CLASS = 0x5265636f;

/** Held while the migrations run. */
export const MIGRATION_LOCK = [CLASS, -1] as const;

/** Held while the index on `tasks` is made. */
export const INDEX_LOCK = [CLASS, -2] as const;

/**
 * The class of the locks that processes hold, the second key of which is their number: an expression of SQL. Backends whose plugins have
 * schemas of one database, and not databases, share its locks, and each schema has processes of its own.
 */
export const PROCESS_LOCK_CLASS = `hashtext('scaffolder_recovery_processes ' || current_schema())`;
