/** The scaffolder's table of tasks, of which the module touches `status`, `state`, `secrets` and `last_heartbeat_at`. */
export const TASKS = 'tasks';

/** The scaffolder's table of task events, to which the module only appends. */
export const TASK_EVENTS = 'task_events';

/** The statuses of tasks that have not ended. */
export const IN_FLIGHT_STATUSES = ['open', 'processing'];

/** The statuses of tasks that have ended, as a retry takes them (`retryTask` of `DatabaseTaskStore`, 4.2.0). */
export const ENDED = ['completed', 'failed', 'cancelled', 'skipped'];

/** The condition for tasks that have not ended, where no other table is asked. */
export const STATUS_IN_FLIGHT = `status in ('${IN_FLIGHT_STATUSES.join("', '")}')`;

/**
 * The condition for tasks that have not ended, word for word as in `ensureInFlightIndex.ts`: SQLite uses a partial
 * index only for a query that repeats its condition, without bindings.
 */
export const IN_FLIGHT = `${TASKS}.${STATUS_IN_FLIGHT}`;

/**
 * The columns of `tasks` that are used here, as the driver returns them.
 * From the migrations of `@backstage/plugin-scaffolder-backend` 4.2.0.
 */
export type DbTaskRow = {
  id: string;
  /** JSON */
  spec: string;
  status: string;
  /** JSON */
  state: string | null;
  /** JSON */
  secrets: string | null;
  created_by: string | null;
  /** A `Date` on PostgreSQL; on SQLite a string without fractions of a second, in UTC. */
  created_at: Date | string;
  last_heartbeat_at: Date | string | null;
};

/** The columns of `task_events` that are used here, as the driver returns them. */
export type DbTaskEventRow = {
  /** A string on PostgreSQL, where the column is a bigint. */
  id: number | string;
  task_id: string;
  /** JSON */
  body: string;
  event_type: string;
};

// Typed so that a column which is added to a row cannot be left out here.
const taskColumns: Record<keyof DbTaskRow, true> = {
  id: true,
  spec: true,
  status: true,
  state: true,
  secrets: true,
  created_by: true,
  created_at: true,
  last_heartbeat_at: true,
};

const eventColumns: Record<keyof DbTaskEventRow | 'created_at', true> = {
  id: true,
  task_id: true,
  body: true,
  event_type: true,
  created_at: true,
};

/** The scaffolder's tables, with the columns that are used here. */
export const SCAFFOLDER_TABLES: Record<string, string[]> = {
  [TASKS]: Object.keys(taskColumns),
  [TASK_EVENTS]: Object.keys(eventColumns),
};
