import { Knex } from 'knex';
import {
  ATTEMPTS,
  DbAttemptRow,
  DbStrategyRow,
  STRATEGIES,
} from '../../tables';
import { DbTaskRow, TASKS } from '../../../scaffolder/tables';
import {
  splitStepEvents,
  stepEventsOfTask,
} from '../taskEvents/readStepEvents';

/** What is known of a task and its course, from which a further run of it is planned. */
export type TaskCourseRow = Pick<
  DbTaskRow,
  'id' | 'spec' | 'state' | 'status'
> & {
  events: string[];
  /** The number of the last decision on it, 0 if there was none. */
  lastAttempt: number;
  /** The files that the last decision planned its run with, as JSON. Null if there was none, or no snapshots were kept. */
  lastFiles: DbAttemptRow['files'];
  /** The strategy that is remembered or, if none is, that of the last decision. */
  lastKnown?: Pick<DbStrategyRow, 'strategy' | 'source'>;
};

/**
 * Reads all that a further run of a task is planned from, in one statement.
 *
 * @returns nothing if there is no such task.
 */
export async function readTaskCourse(
  knex: Knex,
  taskId: string,
): Promise<TaskCourseRow | undefined> {
  const lastDecided = (column: string) =>
    knex(ATTEMPTS)
      .select(column)
      .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
      .whereNotNull('strategy')
      .orderBy('attempt', 'desc')
      .limit(1);
  const row = await knex(TASKS)
    .leftJoin(STRATEGIES, `${STRATEGIES}.task_id`, `${TASKS}.id`)
    .where(`${TASKS}.id`, taskId)
    .first({
      id: `${TASKS}.id`,
      spec: `${TASKS}.spec`,
      state: `${TASKS}.state`,
      status: `${TASKS}.status`,
      events: stepEventsOfTask(knex),
      strategy: `${STRATEGIES}.strategy`,
      source: `${STRATEGIES}.source`,
      lastAttempt: knex(ATTEMPTS)
        .max('attempt')
        .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`),
      lastFiles: knex(ATTEMPTS)
        .select('files')
        .whereRaw(`${ATTEMPTS}.task_id = ${TASKS}.id`)
        .orderBy('attempt', 'desc')
        .limit(1),
      lastStrategy: lastDecided('strategy'),
      lastSource: lastDecided('strategy_source'),
    });
  if (!row) {
    return undefined;
  }
  const {
    strategy,
    source,
    lastStrategy,
    lastSource,
    lastAttempt,
    events,
    ...task
  } = row;
  const known = strategy ?? lastStrategy;
  return {
    ...task,
    events: splitStepEvents(events),
    lastAttempt: lastAttempt ?? 0,
    lastKnown: known && { strategy: known, source: source ?? lastSource },
  };
}
