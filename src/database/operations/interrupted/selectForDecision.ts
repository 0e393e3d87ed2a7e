import { Knex } from 'knex';
import { ATTEMPTS, DbStrategyRow, STRATEGIES } from '../../tables';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';
import { epochSeconds, secondsSilent } from '../../time';
import { PLANNED } from './interrupted';
import { readSecrets } from '../tasks/readSecrets';

/** An interrupted task as it is decided on. */
export type InterruptedTaskRow = Pick<
  DbTaskRow,
  'id' | 'spec' | 'state' | 'created_by' | 'created_at' | 'last_heartbeat_at'
> & {
  /** Whether the worker that claims the task can read its secrets. The secrets themselves stay here. */
  secrets: 'readable' | 'unreadable' | 'gone';
  /** When the sign-in expired that the task was started with, if it has. */
  signInExpiredAt?: Date;
  secondsSilent: number;
  /** Whether its backend had been asked to end. */
  planned: boolean;
  /** What is remembered of the strategy, if anything. */
  remembered?: Pick<DbStrategyRow, 'strategy' | 'source' | 'remark'> & {
    maxAttempts?: number;
  };
  /** The last decision on it, if there was one. */
  last?: LastAttempt;
};

/** The last decision on a task. */
export type LastAttempt = {
  attempt: number;
  spent: number;
  finishedSteps: number;
};

const LAST = 'last_attempt';

/** A query for all that a decision is made from, of tasks that the caller names. */
export function selectForDecision(
  knex: Knex | Knex.Transaction,
): Knex.QueryBuilder {
  return knex(TASKS)
    .leftJoin(STRATEGIES, `${STRATEGIES}.task_id`, `${TASKS}.id`)
    .leftJoin({ [LAST]: ATTEMPTS }, last =>
      last
        .on(`${LAST}.task_id`, `${TASKS}.id`)
        .andOn(
          `${LAST}.attempt`,
          knex.raw(
            `(select max(attempt) from ${ATTEMPTS} where task_id = ${TASKS}.id)`,
          ),
        ),
    )
    .select(
      `${TASKS}.id`,
      `${TASKS}.spec`,
      `${TASKS}.state`,
      `${TASKS}.secrets`,
      `${TASKS}.created_by`,
      `${TASKS}.created_at`,
      `${TASKS}.last_heartbeat_at`,
      `${STRATEGIES}.strategy`,
      `${STRATEGIES}.source`,
      `${STRATEGIES}.remark`,
      `${STRATEGIES}.max_attempts`,
      `${LAST}.attempt`,
      `${LAST}.spent`,
      `${LAST}.finished_steps`,
      {
        seconds_silent: secondsSilent(knex),
        planned: knex.raw(PLANNED),
        now: epochSeconds(knex),
      },
    );
}

/** What the query found of a task. */
export function readForDecision(row: any): InterruptedTaskRow {
  const { state: secrets, signInExpiresAt } = readSecrets(row.secrets);
  const hasExpired =
    signInExpiresAt && signInExpiresAt.getTime() <= row.now * 1000;
  return {
    id: row.id,
    spec: row.spec,
    state: row.state,
    created_by: row.created_by,
    created_at: row.created_at,
    last_heartbeat_at: row.last_heartbeat_at,
    secrets,
    signInExpiredAt: hasExpired ? signInExpiresAt : undefined,
    secondsSilent: row.seconds_silent,
    planned: Boolean(row.planned),
    remembered: row.strategy
      ? {
          strategy: row.strategy,
          source: row.source,
          remark: row.remark,
          maxAttempts: row.max_attempts ?? undefined,
        }
      : undefined,
    last:
      row.attempt === null
        ? undefined
        : {
            attempt: row.attempt,
            spent: row.spent,
            finishedSteps: row.finished_steps,
          },
  };
}
