/** How many attempts a page has if it is not asked for another number. */
export const DEFAULT_LIMIT = 20;

/** How many attempts a page can be asked for. */
export const MAX_LIMIT = 100;

/** How many attempts are shown with a task. */
export const MOST_ATTEMPTS_OF_TASK = 100;

/** How many days a summary counts if it is not asked for more. */
export const SUMMARY_DAYS = 30;
