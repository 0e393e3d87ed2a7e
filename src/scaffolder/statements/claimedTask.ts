/** A statement that was sent to the scaffolder's database, as knex reports it. */
export type SentStatement = { sql: string; bindings?: readonly unknown[] };

/** The statement that claims a task, the only one of this shape (`claimTask` of `DatabaseTaskStore`, 4.2.0). */
const STATEMENT =
  /^update .tasks. set .status. = \S+, .last_heartbeat_at. = \S+, .secrets. = \S+ where .id. = \S+ and .status. = \S+$/;

/** The id of the task that a statement claims, if it claims one. */
export function claimedTask({
  sql,
  bindings = [],
}: SentStatement): string | undefined {
  const isClaim = STATEMENT.test(sql) && bindings[0] === 'processing';
  const taskId = isClaim ? bindings.at(-2) : undefined;
  return typeof taskId === 'string' ? taskId : undefined;
}
