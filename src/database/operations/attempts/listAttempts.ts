import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../tables';
import { TASKS } from '../../../scaffolder/tables';
import { isSqlite, timestamp } from '../../time';
import { TaskCriteria, whereTask } from '../tasks/whereTask';

/** Which decisions are asked for. What is not given does not matter. */
export type AttemptFilter = {
  /** Those of the tasks that fit, such as those that somebody may read. */
  tasks?: TaskCriteria;
  taskId?: string;
  templateRef?: string;
  strategy?: string;
  trigger?: string;
  decision?: string;
  outcome?: string;
  /** At this time or later. */
  decidedAfter?: Date;
  /** Before this time. */
  decidedBefore?: Date;
};

/** Where a page ended. */
export type AttemptPosition = {
  /** As exactly as the database has it. */
  decidedAt: string;
  taskId: string;
  attempt: number;
};

/** Reads decisions, the newest first. */
export async function listAttempts(
  knex: Knex,
  options: { filter: AttemptFilter; after?: AttemptPosition; limit: number },
): Promise<(DbAttemptRow & { position: AttemptPosition })[]> {
  const { filter, after, limit } = options;
  const query = knex(ATTEMPTS)
    .modify(whereAttempt, knex, filter)
    .select(`${ATTEMPTS}.*`, { exact: exactTime(knex) })
    .orderBy(
      ['decided_at', 'task_id', 'attempt'].map(column => ({
        column,
        order: 'desc' as const,
      })),
    )
    .limit(limit);
  if (after) {
    const exact = isSqlite(knex) ? '?' : '?::timestamptz';
    const id = isSqlite(knex) ? '?' : '?::uuid';
    query.whereRaw(`(decided_at, task_id, attempt) < (${exact}, ${id}, ?)`, [
      after.decidedAt,
      after.taskId,
      after.attempt,
    ]);
  }
  const rows: (DbAttemptRow & { exact: string })[] = await query;
  return rows.map(({ exact, ...row }) => ({
    ...row,
    position: { decidedAt: exact, taskId: row.task_id, attempt: row.attempt },
  }));
}

/** Keeps the decisions that a filter asks for. */
export function whereAttempt(
  query: Knex.QueryBuilder,
  knex: Knex,
  filter: AttemptFilter,
): void {
  const columns = {
    task_id: filter.taskId,
    template_ref: filter.templateRef,
    strategy: filter.strategy,
    trigger: filter.trigger,
    decision: filter.decision,
    outcome: filter.outcome,
  };
  for (const [column, value] of Object.entries(columns)) {
    if (value !== undefined) {
      query.where(`${ATTEMPTS}.${column}`, value);
    }
  }
  const { tasks, decidedAfter, decidedBefore } = filter;
  if (decidedAfter) {
    query.where('decided_at', '>=', timestamp(knex, decidedAfter));
  }
  if (decidedBefore) {
    query.where('decided_at', '<', timestamp(knex, decidedBefore));
  }
  if (tasks) {
    query.whereExists(
      knex(TASKS)
        .select(knex.raw('1'))
        .whereRaw(`${TASKS}.id = ${ATTEMPTS}.task_id`)
        .where(task => whereTask(task, tasks)),
    );
  }
}

/** A `Date` would lose the microseconds that PostgreSQL has. */
function exactTime(knex: Knex): Knex.Raw {
  return knex.raw(
    isSqlite(knex) ? 'decided_at' : `to_json(decided_at) #>> '{}'`,
  );
}
