import { SentStatement } from './claimedTask';

/**
 * The statement that writes the heartbeat of a running task, the only one of this shape (`heartbeatTask` of `DatabaseTaskStore`, 4.2.0).
 * Only the process that runs the task sends it.
 */
const STATEMENT =
  /^update .tasks. set .last_heartbeat_at. = \S+ where .id. = \S+ and .status. = \S+$/;

/** The id of the task whose heartbeat the scaffolder writes with a statement, if it does. */
export function heartbeatTask({
  sql,
  bindings = [],
}: SentStatement): string | undefined {
  const taskId =
    STATEMENT.test(sql) && bindings.at(-1) === 'processing'
      ? bindings.at(-2)
      : undefined;
  return typeof taskId === 'string' ? taskId : undefined;
}
