import { Knex } from 'knex';
import { ATTEMPTS, DbStrategyRow, STRATEGIES } from '../../tables';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';
import { readSecrets } from '../../../scaffolder/taskSecrets';
import { InterruptedBy, KnownBy } from '../../../util/interruption';
import { epochSeconds, secondsSilent } from '../../time';
import {
  DeadProcesses,
  isClaimantDead,
  MARK_CAUSE,
  MARK_PROBLEM,
} from './interrupted';

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
  interruptedBy: InterruptedBy;
  /** Of a crash. */
  knownBy?: KnownBy;
  /** Of a lost connection: what the database said. */
  problem?: string;
  /** What is remembered of the strategy, if anything. */
  remembered?: Pick<DbStrategyRow, 'strategy' | 'source' | 'remark'> & {
    maxAttempts?: number;
  };
  /** The last decision on it, if there was one. */
  last?: LastAttempt;
};

/** The last decision on a task. */
type LastAttempt = {
  attempt: number;
  attemptsUsed: number;
  finishedSteps: number;
};

const LAST = 'last_attempt';

/** A query for all that a decision is made from, of tasks that the caller names. */
export function selectForDecision(
  knex: Knex | Knex.Transaction,
  deadProcesses?: DeadProcesses,
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
        mark: knex.raw(MARK_CAUSE),
        mark_problem: knex.raw(MARK_PROBLEM),
        is_claimant_dead: isClaimantDead(knex, deadProcesses),
        now: epochSeconds(knex),
      },
    );
}

/** What the query found of a task. */
export function readForDecision(
  row: any,
  deadProcesses?: DeadProcesses,
): InterruptedTaskRow {
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
    ...interruption(row, deadProcesses),
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
            attemptsUsed: row.spent,
            finishedSteps: row.finished_steps,
          },
  };
}

/** A shutdown explains the death of a process, and uses no attempt. */
function interruption(
  row: any,
  deadProcesses: DeadProcesses | undefined,
): Pick<InterruptedTaskRow, 'interruptedBy' | 'knownBy' | 'problem'> {
  if (row.mark) {
    return {
      interruptedBy: row.mark,
      ...(row.mark_problem && { problem: row.mark_problem }),
    };
  }
  return row.is_claimant_dead
    ? { interruptedBy: 'crash', knownBy: deadProcesses!.knownBy }
    : { interruptedBy: 'silence' };
}
