import { TestDatabaseId } from '@backstage/backend-test-utils';
import {
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import knexFactory, { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  migrateModule,
  migrateScaffolderOnly,
} from '../../dev/harness/inProcess/migrate';
import { NewAttempt } from '../database/operations/attempts/recordAttempts';
import { ATTEMPTS } from '../database/tables';
import { DbTaskRow, TASK_EVENTS, TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';

export { migrateScaffolderOnly };

/** The engines that every database test runs on. Named, since TestDatabases would start containers for the others. */
export const TEST_DATABASE_IDS: TestDatabaseId[] = ['SQLITE_3', 'POSTGRES_18'];

/** Makes the scaffolder's tables with its own migrations, and then ours and the index. */
export async function migrateScaffolder(knex: Knex): Promise<void> {
  await migrateScaffolderOnly(knex);
  await migrateModule(knex);
}

/** How a test describes a task. */
export type TestTask = {
  id?: string;
  /** Ids of steps, steps, or the stored text itself. */
  steps?: (string | { id: string; recovery?: unknown })[];
  spec?: string;
  status?: string;
  /** Step ids that are recorded as completed. */
  completed?: string[];
  checkpoints?: Record<string, unknown>;
  state?: string | null;
  secrets?: string | null;
  /** By the clock of the database. */
  silentSeconds?: number | null;
  templateRef?: string;
};

/** Stores a task as the scaffolder 4.2.0 would, running and silent for ten minutes unless set otherwise. */
export async function insertTask(
  knex: Knex,
  task: TestTask = {},
): Promise<string> {
  const {
    id = randomUUID(),
    steps = ['one', 'two', 'three'],
    status = 'processing',
    completed = [],
    checkpoints = {},
    secrets = JSON.stringify({ token: 'very-secret' }),
    silentSeconds = 600,
    templateRef = 'template:default/sample',
  } = task;
  const spec = {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    steps: steps.map(s => ({
      action: 'debug:log',
      ...(typeof s === 'string' ? { id: s, name: s } : { name: s.id, ...s }),
    })),
    parameters: {},
    output: {},
    templateInfo: { entityRef: templateRef },
  };
  const state = {
    state: {
      checkpoints,
      steps: Object.fromEntries(
        completed.map(s => [s, { status: 'completed', output: { from: s } }]),
      ),
    },
  };
  await knex<DbTaskRow>(TASKS).insert({
    id,
    spec: task.spec ?? JSON.stringify(spec),
    status,
    state: task.state === undefined ? JSON.stringify(state) : task.state,
    secrets,
    created_by: 'user:default/guest',
    created_at: secondsAgo(knex, silentSeconds ?? 600),
    last_heartbeat_at:
      silentSeconds === null ? null : secondsAgo(knex, silentSeconds),
  } as any);
  return id;
}

/** Tasks that have ended, many of them. */
export async function insertHistory(knex: Knex, count: number): Promise<void> {
  const rows = Array.from({ length: count }, () => ({
    id: randomUUID(),
    spec: '{"steps":[]}',
    status: 'completed',
    last_heartbeat_at: secondsAgo(knex, 86_400),
  }));
  await knex.batchInsert(TASKS, rows as any[], 500);
}

export async function insertEvent(
  knex: Knex,
  taskId: string,
  event_type: string,
  body: object,
): Promise<void> {
  await knex(TASK_EVENTS).insert({
    task_id: taskId,
    event_type,
    body: JSON.stringify(body),
  });
}

export async function readTask(knex: Knex, id: string): Promise<DbTaskRow> {
  const row = await knex<DbTaskRow>(TASKS).where({ id }).first();
  return row!;
}

export async function readEvents(
  knex: Knex,
  taskId: string,
): Promise<{ type: string; body: any }[]> {
  const rows = await knex(TASK_EVENTS)
    .where('task_id', taskId)
    .orderBy('id')
    .select('event_type', 'body');
  return rows.map(r => ({ type: r.event_type, body: JSON.parse(r.body) }));
}

/** An attempt of a task, the first one unless set otherwise. */
export function newAttempt(
  attempt: Partial<NewAttempt> & { taskId: string },
): NewAttempt {
  return {
    attempt: 1,
    decision: 'restart',
    isClose: false,
    reason: 'Interrupted.',
    skippedSteps: [],
    stepsAgain: [],
    secondsSilent: 30,
    interruptedBy: 'silence',
    attemptsUsed: 1,
    finishedSteps: 0,
    finalAttempt: false,
    ...attempt,
  };
}

export async function readAttempts(
  knex: Knex,
  taskId: string,
): Promise<{ attempt: number; decision: string; strategy: string | null }[]> {
  return knex(ATTEMPTS)
    .where('task_id', taskId)
    .orderBy('attempt')
    .select('attempt', 'decision', 'strategy');
}

/** The last decision on a task, as it counts for the next one. */
export async function readLastAttempt(
  knex: Knex,
  taskId: string,
): Promise<
  { attempt: number; spent: number; finished_steps: number } | undefined
> {
  return knex(ATTEMPTS)
    .where('task_id', taskId)
    .orderBy('attempt', 'desc')
    .first('attempt', 'spent', 'finished_steps');
}

/** Does something while the rows of each statement come in the reverse of the order in which the database returns them. */
export async function withRowsReversed<T>(
  knex: Knex,
  action: () => Promise<T>,
): Promise<T> {
  knex.client.config.postProcessResponse = (rows: unknown) =>
    Array.isArray(rows) ? [...rows].reverse() : rows;
  try {
    return await action();
  } finally {
    delete knex.client.config.postProcessResponse;
  }
}

/**
 * Each plugin has its own database, as always; the scaffolder's is the one that the test reads. The others end with the backend:
 * the pool of one that is left has an interval that keeps the process of the tests alive (`_startReaping` of tarn 3.1.2).
 */
export function databaseOfScaffolder(knex: Knex) {
  return createServiceFactory({
    service: coreServices.database,
    deps: {
      plugin: coreServices.pluginMetadata,
      rootLifecycle: coreServices.rootLifecycle,
    },
    factory: ({ plugin, rootLifecycle }) => {
      if (plugin.getId() === 'scaffolder') {
        return { getClient: async () => knex };
      }
      const own = knexFactory({
        client: 'better-sqlite3',
        connection: ':memory:',
        useNullAsDefault: true,
      });
      rootLifecycle.addShutdownHook(() => own.destroy());
      return { getClient: async () => own };
    },
  });
}
