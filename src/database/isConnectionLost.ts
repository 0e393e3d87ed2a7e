import { driverMessage } from '../util/safeError';

/**
 * The errors of node-postgres 8 and PostgreSQL 18 when there is no connection, it was ended, or the server starts or stops. By the message, since the
 * code of an error does not travel between threads.
 */
const LOST =
  /ECONN|EPIPE|ETIMEDOUT|Connection (terminated|ended)|terminating connection|the database system is|in recovery mode/i;

/** Whether a statement failed since there was no connection to the database, so that it may succeed in a moment. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && LOST.test(driverMessage(error));
}
