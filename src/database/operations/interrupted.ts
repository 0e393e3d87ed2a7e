import { Knex } from 'knex';
import { ATTEMPTS, IN_FLIGHT, TASK_EVENTS, TASKS, WAKEUPS } from '../tables';
import { silentForAtLeast } from '../time';

/** Keeps tasks that count as running although nothing was heard of them for the timeout. */
export function whereInterrupted(
  query: Knex.QueryBuilder,
  knex: Knex,
  timeoutSeconds: number,
): void {
  query
    .whereRaw(IN_FLIGHT)
    .where(`${TASKS}.status`, 'processing')
    .whereRaw(silentForAtLeast(knex, timeoutSeconds));
}

/**
 * Keeps tasks that are to be decided on: they were not handed over since their last heartbeat. A task that was handed
 * over and then cancelled is to be decided on again.
 */
export function whereUndecided(query: Knex.QueryBuilder, knex: Knex): void {
  query.where(either =>
    either
      .where(neither =>
        neither
          .whereNotExists(decisionsSinceHeartbeat(knex))
          .whereNotExists(wakeupsSinceHeartbeat(knex)),
      )
      .orWhereExists(cancellations(knex)),
  );
}

/**
 * Keeps tasks that were handed over, not claimed since and not cancelled. A claim and a heartbeat are younger than the
 * decision or the wake-up. The silence is asked for as well, since the clock of a database can be set back.
 */
export function whereHandedOver(
  query: Knex.QueryBuilder,
  knex: Knex,
  timeoutSeconds: number,
): void {
  query
    .modify(whereInterrupted, knex, timeoutSeconds)
    .where(either =>
      either
        .whereExists(decisionsSinceHeartbeat(knex))
        .orWhereExists(wakeupsSinceHeartbeat(knex)),
    )
    .whereNotExists(cancellations(knex));
}

function decisionsSinceHeartbeat(knex: Knex): Knex.QueryBuilder {
  return knex(ATTEMPTS)
    .select(knex.raw('1'))
    .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
    .whereRaw(`${ATTEMPTS}.decided_at > ${TASKS}.last_heartbeat_at`);
}

function wakeupsSinceHeartbeat(knex: Knex): Knex.QueryBuilder {
  return knex(WAKEUPS)
    .select(knex.raw('1'))
    .whereRaw(`${WAKEUPS}.task_id = ${TASKS}.id`)
    .whereRaw(`${WAKEUPS}.woken_at > ${TASKS}.last_heartbeat_at`);
}

function cancellations(knex: Knex): Knex.QueryBuilder {
  return knex(TASK_EVENTS)
    .select(knex.raw('1'))
    .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
    .where(`${TASK_EVENTS}.event_type`, 'cancelled');
}
