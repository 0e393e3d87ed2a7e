import { Knex } from 'knex';
import { TASKS } from '../tables';

/**
 * The statement with which the scaffolder starts a task again that had ended, the only one of this shape (`retryTask` of
 * `DatabaseTaskStore`, 4.2.0 and 4.3.0).
 */
const STATEMENT =
  /^update .tasks. set .*.status. = \?.* where .id. = \? and .status. in \(([?, ]+)\)$/;

/**
 * The id of the task that a statement starts again, if it does.
 *
 * @param builder - as knex has it before it is compiled
 */
export function retriedTask(builder: Knex.QueryBuilder): string | undefined {
  const { _method: method, _single: single } = builder as unknown as {
    _method?: string;
    _single?: { table?: unknown; update?: { status?: unknown } };
  };
  // Most statements end here, without being compiled for this.
  if (
    method !== 'update' ||
    single?.table !== TASKS ||
    single.update?.status !== 'open'
  ) {
    return undefined;
  }
  const { sql, bindings } = builder.toSQL();
  const statuses = STATEMENT.exec(sql)?.[1].match(/\?/g);
  const taskId = statuses && bindings.at(-statuses.length - 1);
  return bindings.at(-1) !== 'open' && typeof taskId === 'string'
    ? taskId
    : undefined;
}
