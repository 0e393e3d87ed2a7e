import { Knex } from 'knex';
import { ATTEMPTS, TASKS } from '../tables';
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

/** Leaves out tasks that were decided on since their last heartbeat: those handed over and not yet claimed. */
export function whereUndecided(query: Knex.QueryBuilder, knex: Knex): void {
  query.whereNotExists(decisionsSinceHeartbeat(knex));
}

/** Keeps tasks that were handed over and not claimed since. A claim and a heartbeat are younger than the decision. */
export function whereHandedOver(query: Knex.QueryBuilder, knex: Knex): void {
  query
    .where(`${TASKS}.status`, 'processing')
    .whereExists(decisionsSinceHeartbeat(knex));
}

function decisionsSinceHeartbeat(knex: Knex): Knex.QueryBuilder {
  return knex(ATTEMPTS)
    .select(knex.raw('1'))
    .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
    .whereRaw(`${ATTEMPTS}.decided_at > ${TASKS}.last_heartbeat_at`);
}
