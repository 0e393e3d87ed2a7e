import { Knex } from 'knex';
import { TASK_EVENTS, TASKS } from '../tables';

/** What the run of a task asks of the database while it goes on (`DatabaseTaskStore`, 4.2.0 and 4.3.0). */
export type RunStatement = { taskId: string } & (
  | { kind: 'heartbeat' }
  /** Reads what earlier runs recorded (`getTaskState`). */
  | { kind: 'read' }
  /** Records a finished step, or a checkpoint (`saveTaskState`). */
  | { kind: 'save' }
  /** Writes a line into the log of the task (`emitLogEvent`). */
  | { kind: 'line'; stepId?: string; status?: string; message: string }
);

/** The parts of a builder of knex 3.3 that are read here, before it is compiled. */
type Parts = {
  _method?: string;
  _single?: {
    table?: unknown;
    insert?: Record<string, unknown>;
    update?: Record<string, unknown>;
  };
  _statements?: {
    grouping?: string;
    type?: string;
    column?: unknown;
    operator?: unknown;
    value?: unknown;
  }[];
};

/** What a statement of a run does, if it is one. */
export function runStatement(
  builder: Knex.QueryBuilder,
): RunStatement | undefined {
  const parts = builder as unknown as Parts;
  switch (parts._single?.table) {
    case TASK_EVENTS:
      return parts._method === 'insert'
        ? line(parts._single.insert ?? {})
        : undefined;
    case TASKS:
      return parts._method === 'update' || parts._method === 'select'
        ? ofTask(parts)
        : undefined;
    default:
      return undefined;
  }
}

/** The end of a task that a statement stores, if it does (`completeTask`). */
export function endOfTask(
  builder: Knex.QueryBuilder,
): { taskId: string; status: string } | undefined {
  const parts = builder as unknown as Parts;
  const update = parts._single?.update;
  if (
    parts._method !== 'update' ||
    parts._single?.table !== TASKS ||
    keys(update) !== 'secrets,status' ||
    update?.secrets !== null
  ) {
    return undefined;
  }
  const where = conditions(parts);
  const { id, status } = where ?? {};
  return keys(where) === 'id,status' && status === 'processing'
    ? { taskId: String(id), status: String(update.status) }
    : undefined;
}

/**
 * Whether the run waits for a statement and ends if that fails. It waits for all but heartbeats and what an action logs, which has a step and
 * no status (`BackstageLoggerTransport`, 4.2.0).
 */
export function isAwaited(statement: RunStatement): boolean {
  switch (statement.kind) {
    case 'heartbeat':
      return false;
    case 'line':
      return statement.stepId === undefined || statement.status !== undefined;
    default:
      return true;
  }
}

function line(inserted: Record<string, unknown>): RunStatement | undefined {
  const { task_id: taskId, event_type: type, body } = inserted;
  if (typeof taskId !== 'string' || type !== 'log') {
    return undefined;
  }
  const { stepId, status, message } = JSON.parse(String(body));
  return { taskId, kind: 'line', stepId, status, message: String(message) };
}

function ofTask(parts: Parts): RunStatement | undefined {
  const where = conditions(parts);
  const taskId = where?.id;
  if (typeof taskId !== 'string') {
    return undefined;
  }
  const by = keys(where);
  if (parts._method === 'select') {
    const columns = parts._statements!.filter(s => s.grouping === 'columns');
    return by === 'id' && String(columns.map(s => s.value)) === 'state'
      ? { taskId, kind: 'read' }
      : undefined;
  }
  const changed = keys(parts._single?.update);
  if (by === 'id' && changed === 'state') {
    return { taskId, kind: 'save' };
  }
  return by === 'id,status' && changed === 'last_heartbeat_at'
    ? { taskId, kind: 'heartbeat' }
    : undefined;
}

/** What columns must be equal to. Nothing if there are other conditions. */
function conditions({
  _statements: statements = [],
}: Parts): Record<string, unknown> | undefined {
  const all = statements.filter(s => s.grouping === 'where');
  return all.every(s => s.type === 'whereBasic' && s.operator === '=')
    ? Object.fromEntries(all.map(s => [s.column, s.value]))
    : undefined;
}

function keys(of: Record<string, unknown> | undefined): string {
  return Object.keys(of ?? {})
    .sort()
    .join();
}
