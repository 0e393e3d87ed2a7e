/** After so much silence a task counts as interrupted, in all ways that recover tasks. */
export const TIMEOUT_SECONDS = 8;

/**
 * How long a user is thought to wait, from the moment that a backend is up again. The built-in ways act at most 18 s after
 * the last heartbeat: the timeout, and up to 10 s until their next poll.
 */
export const PATIENCE_SECONDS = 45;

/** The same where no times are configured. The built-in ways act at most 40 s after the last heartbeat then. */
export const DEFAULT_PATIENCE_SECONDS = 50;

/** What one cell may take. Whatever takes longer hangs, and is no result. */
export const CELL_LIMIT_SECONDS = 330;
