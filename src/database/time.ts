import { Knex } from 'knex';

/*
 * Moments are always computed by the database: the clocks of replicas differ, and a task's heartbeat is written with
 * the database's clock as well.
 *
 * SQLite stores timestamps as text without fractions of a second, cut off. A heartbeat of 10:00:05 was therefore
 * written at any time before 10:00:06, which is what the comparisons below assume, so that no task counts as silent for
 * longer than it was.
 */

/** Whether the client is one of the SQLite ones. */
export function isSqlite(knex: Knex): boolean {
  return String(knex.client.config.client).includes('sqlite3');
}

/** When a task was last alive: its last heartbeat. A running task without any counts from its creation. */
const LAST_SIGN = 'coalesce(tasks.last_heartbeat_at, tasks.created_at)';

/** A condition: the task has been silent for at least so many seconds. */
export function silentForAtLeast(knex: Knex, seconds: number): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(
        `${LAST_SIGN} <= strftime('%Y-%m-%d %H:%M:%f', 'now', ?)`,
        `-${seconds + 1} seconds`,
      )
    : knex.raw(`${LAST_SIGN} <= now() - make_interval(secs => ?)`, seconds);
}

/** A column: the moment from which on `silentForAtLeast` holds, as `readTimestamp` takes it. */
export function silentForAtLeastFrom(knex: Knex, seconds: number): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(`datetime(${LAST_SIGN}, ?)`, `+${seconds + 1} seconds`)
    : knex.raw(`${LAST_SIGN} + make_interval(secs => ?)`, seconds);
}

/** A column: for how many seconds the task has been silent. */
export function secondsSilent(knex: Knex): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(`(julianday('now') - julianday(${LAST_SIGN})) * 86400`)
    : knex.raw(`extract(epoch from now() - ${LAST_SIGN})::float8`);
}

/** A column: what time it is, in seconds since 1970. */
export function epochSeconds(knex: Knex): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(`(julianday('now') - 2440587.5) * 86400`)
    : knex.raw(`extract(epoch from now())::float8`);
}

/** A value for a timestamp column: so many seconds ago, in the form that the scaffolder's own queries compare with. */
export function secondsAgo(knex: Knex, seconds: number): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(`datetime('now', ?)`, `-${seconds} seconds`)
    : knex.raw(`now() - make_interval(secs => ?)`, seconds);
}

/**
 * A heartbeat with which the scaffolder's own recovery opens a task after so many seconds, at its next poll.
 *
 * On SQLite at once: times have whole seconds there, and no other process could be the first to poll.
 *
 * @param staleTimeoutSeconds - it opens what was silent for so long
 */
export function heartbeatStaleIn(
  knex: Knex,
  staleTimeoutSeconds: number,
  delaySeconds: number | Knex.Raw,
): Knex.Raw {
  return isSqlite(knex)
    ? secondsAgo(knex, staleTimeoutSeconds + 1)
    : knex.raw(`now() - make_interval(secs => ?::float8 - ?)`, [
        staleTimeoutSeconds,
        delaySeconds,
      ]);
}

/** A column: how many seconds after one timestamp column another one is. */
export function secondsBetween(knex: Knex, from: string, to: string): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(`(julianday(??) - julianday(??)) * 86400`, [to, from])
    : knex.raw(`extract(epoch from ?? - ??)::float8`, [to, from]);
}

/** A value to compare a timestamp column with. On SQLite such columns are text, in UTC and without fractions of a second. */
export function timestamp(knex: Knex, date: Date): Knex.Value {
  return isSqlite(knex)
    ? date.toISOString().slice(0, 19).replace('T', ' ')
    : date;
}

/** What the driver returned of a timestamp column. */
export function readTimestamp(value: Date | string): Date {
  return typeof value === 'string' ? new Date(`${value}Z`) : value;
}
