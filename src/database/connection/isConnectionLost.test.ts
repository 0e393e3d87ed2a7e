import { isConnectionLost } from './isConnectionLost';

describe('isConnectionLost', () => {
  it.each([
    ['node-postgres', 'Connection terminated unexpectedly'],
    [
      'node-postgres',
      'Client has encountered a connection error and is not queryable',
    ],
    ['PostgreSQL', 'terminating connection due to administrator command'],
    ['PostgreSQL', 'the database system is starting up'],
    [
      'PostgreSQL after a failover',
      'cannot execute INSERT in a read-only transaction',
    ],
    [
      'PostgreSQL after a failover',
      'cannot execute SELECT FOR UPDATE in a read-only transaction',
    ],
    ['pgbouncer', 'server conn crashed?'],
    ['pgbouncer', 'query_wait_timeout'],
    [
      'pgbouncer',
      'server login has been failing, try again later (server_login_retry)',
    ],
    [
      'pgbouncer',
      'server login has been failing, cached error: connect failed (server_login_retry)',
    ],
    ['Node.js', 'connect ECONNREFUSED 127.0.0.1:5432'],
    ['Node.js', 'read ECONNRESET'],
    ['Node.js', 'connect EHOSTUNREACH 10.0.0.1:5432'],
    ['Node.js', 'connect ENETUNREACH 10.0.0.1:5432'],
  ])('takes it from %s: %s', (_, message) => {
    expect(isConnectionLost(new Error(message))).toBe(true);
    const ofKnex = new Error(`insert into "x" ("y") values ($1) - ${message}`);
    expect(isConnectionLost(ofKnex)).toBe(true);
  });

  it.each([
    'duplicate key value violates unique constraint "tasks_pkey"',
    'permission denied for table tasks',
    'canceling statement due to statement timeout',
    'cannot execute VACUUM inside a transaction block',
    `insert into x ('query_wait_timeout') - SQLITE_FULL`,
  ])('takes no other error for one: %s', message => {
    expect(isConnectionLost(new Error(message))).toBe(false);
  });
});
