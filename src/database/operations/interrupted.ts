import { Knex } from 'knex';
import { ATTEMPTS, TASK_EVENTS, TASKS } from '../tables';
import { silentForAtLeast } from '../time';

/** Keeps tasks that count as running although nothing was heard of them for the timeout. */
export function whereInterrupted(
  query: Knex.QueryBuilder,
  knex: Knex,
  timeoutSeconds: number,
): void {
  query
    .where(`${TASKS}.status`, 'processing')
    .whereRaw(silentForAtLeast(knex, timeoutSeconds));
}

/**
 * Keeps tasks that are to be decided on: no decision is younger than their last heartbeat. A task that was handed over
 * and then cancelled is to be decided on again.
 */
export function whereUndecided(query: Knex.QueryBuilder, knex: Knex): void {
  query.where(either =>
    either
      .whereNotExists(decisionsSinceHeartbeat(knex))
      .orWhereExists(cancellations(knex)),
  );
}

/**
 * Keeps tasks that were handed over, not claimed since and not cancelled. A claim and a heartbeat are younger than the
 * decision. The silence is asked for as well, since the clock of a database can be set back.
 */
export function whereHandedOver(
  query: Knex.QueryBuilder,
  knex: Knex,
  timeoutSeconds: number,
): void {
  query
    .modify(whereInterrupted, knex, timeoutSeconds)
    .whereExists(decisionsSinceHeartbeat(knex))
    .whereNotExists(cancellations(knex));
}

function decisionsSinceHeartbeat(knex: Knex): Knex.QueryBuilder {
  return knex(ATTEMPTS)
    .select(knex.raw('1'))
    .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
    .whereRaw(`${ATTEMPTS}.decided_at > ${TASKS}.last_heartbeat_at`);
}

function cancellations(knex: Knex): Knex.QueryBuilder {
  return knex(TASK_EVENTS)
    .select(knex.raw('1'))
    .whereRaw(`${TASK_EVENTS}.task_id = ${TASKS}.id`)
    .where(`${TASK_EVENTS}.event_type`, 'cancelled');
}
