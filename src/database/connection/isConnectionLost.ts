import { driverMessage } from '../../util/safeError';

/**
 * What Node.js 20, node-postgres 8, PostgreSQL 18 and pgbouncer 1 report when there is no connection, it was ended, or the server starts,
 * stops or is a standby, as one that a failover has left behind. By the message, since the code of an error does not travel between threads.
 */
const LOST = new RegExp(
  [
    'ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH',
    'Connection (terminated|ended)|connection error and is not queryable',
    'terminating connection|the database system is|in recovery mode|cannot execute .+ in a read-only transaction',
    'server conn crashed|query_wait_timeout|server login has been failing|server_login_retry',
  ].join('|'),
  'i',
);

/** Whether a statement failed since there was no connection to the database, so that it may succeed in a moment. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && LOST.test(driverMessage(error));
}
