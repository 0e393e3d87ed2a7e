import { Knex } from 'knex';
import { ATTEMPTS, CLAIMS, SHUTDOWNS, NUDGES } from '../../tables';
import { IN_FLIGHT, TASK_EVENTS, TASKS } from '../../../scaffolder/tables';
import { KnownBy } from '../../../util/interruption';
import { isSqlite, secondsAgo, silentForAtLeast } from '../../time';

/** After how much silence what happens to a running task. */
export type Timeouts = {
  /** It counts as interrupted (`scaffolder.recoverTasksTimeout`). */
  timeoutSeconds: number;
  /** It is to be closed, also if it was handed over: the scaffolder's janitor would (`scaffolder.taskTimeout`). */
  taskTimeoutSeconds: number;
};

/** Processes that do not live any more, and how that is known: their locks are not held, or their process ids are gone. */
export type DeadProcesses = { numbers: number[]; knownBy: KnownBy };

/** What makes a running task count as interrupted. */
export type Evidence = Pick<Timeouts, 'timeoutSeconds'> & {
  /** None unless given. */
  deadProcesses?: DeadProcesses;
};

/** A task of which more is known than its silence counts as interrupted once it missed five heartbeats. */
const KNOWN_SILENCE_SECONDS = 5;

/**
 * A condition: what a row of a table says of a run holds for the present run. A `recovered` event since then means that another run has
 * begun: the module, the scaffolder's own recovery and a manual retry all write one (4.2.0).
 */
function isOfPresentRun(table: string): string {
  return `${table}.task_id = ${TASKS}.id and not exists (
    select 1 from ${TASK_EVENTS}
    where ${TASK_EVENTS}.task_id = ${TASKS}.id
      and ${TASK_EVENTS}.event_type = 'recovered'
      and ${TASK_EVENTS}.id > ${table}.recovered_event
  )`;
}

/** A condition: the backend that runs the task was asked to end, or lost what the run needed. */
const MARKED = `exists (select 1 from ${SHUTDOWNS} where ${isOfPresentRun(SHUTDOWNS)})`;

/** A column: which of the two, as in the table. Null if neither. */
export const MARK_CAUSE = `(select ${SHUTDOWNS}.cause from ${SHUTDOWNS} where ${isOfPresentRun(SHUTDOWNS)})`;

/** A column: what the database said of a lost connection. Null of anything else. */
export const MARK_PROBLEM = `(select ${SHUTDOWNS}.problem from ${SHUTDOWNS} where ${isOfPresentRun(SHUTDOWNS)})`;

/** A condition: the process that claimed the task is dead. */
export function isClaimantDead(
  knex: Knex,
  deadProcesses: DeadProcesses | undefined,
): Knex.Raw {
  const numbers = deadProcesses?.numbers ?? [];
  if (numbers.length === 0) {
    return knex.raw('1 = 0');
  }
  return knex.raw(
    `exists (
      select 1 from ${CLAIMS}
      where ${isOfPresentRun(CLAIMS)} and ${CLAIMS}.process in (${numbers.map(() => '?')})
    )`,
    numbers,
  );
}

/**
 * A condition: the task was claimed by another process than this one, and may have died with it. Only then it has to be asked which
 * processes are dead.
 *
 * @param process - the number of this process. Nothing if it has none yet
 */
export function isOrphanCandidate(
  knex: Knex,
  process: number | undefined,
): Knex.Raw {
  return knex.raw(
    `(? and exists (
      select 1 from ${CLAIMS}
      where ${CLAIMS}.task_id = ${TASKS}.id and ${CLAIMS}.process <> ?
    ))`,
    [silentSinceDeath(knex), process ?? 0],
  );
}

/**
 * A condition: a task is silent for as long as it takes to believe that its process is dead. A lock may be free for a moment while its
 * process lives and beats. A process id is not.
 */
function silentSinceDeath(knex: Knex): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw('1 = 1')
    : silentForAtLeast(knex, KNOWN_SILENCE_SECONDS);
}

/**
 * A condition: a task was decided on since its last heartbeat. Asks for its last decision, by the primary key: asked for any such
 * decision, PostgreSQL (18.4) goes through the index of their times, which took longer for each task the more had just been
 * decided on. With 10,000 that was a fifth of the database's time.
 */
const LAST_DECIDED_AT = `(
  select ${ATTEMPTS}.decided_at from ${ATTEMPTS}
  where ${ATTEMPTS}.task_id = ${TASKS}.id order by ${ATTEMPTS}.attempt desc limit 1
)`;
const DECIDED_SINCE_HEARTBEAT = `coalesce(${LAST_DECIDED_AT} > ${TASKS}.last_heartbeat_at, false)`;

/** A condition: a nudge is younger than the last heartbeat of its task, which nobody has claimed since. */
export const NUDGED_SINCE_HEARTBEAT = `${NUDGES}.woken_at > ${TASKS}.last_heartbeat_at`;

/**
 * A condition: a hand-over was decided on so long ago that the task is not to run any more. The heartbeat does not show that: it was set
 * back by `staleTimeout`. An open task that was handed over only to nudge a worker waits however long it takes, as without this module.
 */
function isHandOverTooOld(knex: Knex, taskTimeoutSeconds: number): Knex.Raw {
  return knex.raw(
    `(${DECIDED_SINCE_HEARTBEAT} and ${LAST_DECIDED_AT} <= ? and not exists ?)`,
    [secondsAgo(knex, taskTimeoutSeconds), nudgesSinceHeartbeat(knex)],
  );
}

/** A condition: a running task had no heartbeat for the timeout, or for a few seconds if it is marked or its process is dead. */
export function isSilent(
  knex: Knex,
  { timeoutSeconds, deadProcesses }: Evidence,
): Knex.Raw {
  return knex.raw(`(? or (? and ${MARKED}) or (? and ?))`, [
    silentForAtLeast(knex, timeoutSeconds),
    silentForAtLeast(knex, KNOWN_SILENCE_SECONDS),
    silentSinceDeath(knex),
    isClaimantDead(knex, deadProcesses),
  ]);
}

/** Keeps tasks that count as running although they had no heartbeat for long enough. */
export function whereInterrupted(
  query: Knex.QueryBuilder,
  knex: Knex,
  evidence: Evidence,
): void {
  query
    .whereRaw(IN_FLIGHT)
    .where(`${TASKS}.status`, 'processing')
    .whereRaw(isSilent(knex, evidence));
}

/**
 * Keeps tasks that are to be decided on: they were not handed over since their last heartbeat. A task that was handed
 * over is to be decided on again if it was then cancelled, or is too old, as in a database that was restored from a dump.
 */
export function whereUndecided(
  query: Knex.QueryBuilder,
  knex: Knex,
  { taskTimeoutSeconds }: Timeouts,
): void {
  query.where(either =>
    either
      .where(neither =>
        neither
          .whereRaw(`not ${DECIDED_SINCE_HEARTBEAT}`)
          .whereNotExists(nudgesSinceHeartbeat(knex)),
      )
      .orWhereExists(cancellations(knex))
      .orWhereRaw(isHandOverTooOld(knex, taskTimeoutSeconds)),
  );
}

/** What `whereUndecided` reads of the module's tables. */
export const HAND_OVER_COLUMNS: Record<string, string[]> = {
  [ATTEMPTS]: ['task_id', 'attempt', 'decided_at'],
  [NUDGES]: ['task_id', 'woken_at'],
};

/**
 * Keeps tasks that were handed over, not claimed since, not cancelled and not too old. A claim and a heartbeat are younger than the
 * decision or the nudge. The silence is asked for as well, since the clock of a database can be set back.
 */
export function whereHandedOver(
  query: Knex.QueryBuilder,
  knex: Knex,
  timeouts: Timeouts,
): void {
  query
    .modify(whereInterrupted, knex, timeouts)
    .whereRaw('not ?', isHandOverTooOld(knex, timeouts.taskTimeoutSeconds))
    .where(either =>
      either
        .whereRaw(DECIDED_SINCE_HEARTBEAT)
        .orWhereExists(nudgesSinceHeartbeat(knex)),
    )
    .whereNotExists(cancellations(knex));
}

function nudgesSinceHeartbeat(knex: Knex): Knex.QueryBuilder {
  return knex(NUDGES)
    .select(knex.raw('1'))
    .whereRaw(`${NUDGES}.task_id = ${TASKS}.id`)
    .whereRaw(NUDGED_SINCE_HEARTBEAT);
}

function cancellations(knex: Knex): Knex.QueryBuilder {
  return knex(TASK_EVENTS)
    .select(knex.raw('1'))
    .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
    .where(`${TASK_EVENTS}.event_type`, 'cancelled');
}
