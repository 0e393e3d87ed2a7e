import { Knex } from 'knex';
import {
  ATTEMPTS,
  DbAttemptRow,
  DbTaskEventRow,
  DbTaskRow,
  TASK_EVENTS,
  TASKS,
} from '../../src/database/tables';
import { POISONED_TEMPLATES, Strategy, TEMPLATES } from './templates';

export type TaskRecord = {
  id: string;
  template: string;
  strategy: Strategy;
  status: string;
  hasSecrets: boolean;
  /** Whether one of its steps ends the process. */
  isPoisoned: boolean;
  /** When its sign-in was made one that has expired, if it was. */
  signInExpiredAt?: number;
  steps: { id: string; dependsOn: string[] }[];
};

export type EventRecord = {
  taskId: string;
  /** log, completion, cancelled or recovered */
  type: string;
  /** By the database's clock, which is that of the host. */
  at: number;
  message?: string;
  stepId?: string;
  status?: string;
  error?: string;
};

/** A decision of the module. */
export type AttemptRecord = {
  taskId: string;
  attempt: number;
  decision: string;
  strategy: string | null;
  at: number;
  planned: boolean;
};

/** What the database says in the end. */
export type Records = {
  tasks: TaskRecord[];
  /** In their order. */
  events: EventRecord[];
  attempts: AttemptRecord[];
};

/** Reads all that the checks need. Secrets are not read, only whether there are any. */
export async function readRecords(
  knex: Knex,
  signInExpiredAt: Map<string, number>,
): Promise<Records> {
  const tasks = await knex<DbTaskRow>(TASKS)
    .select('id', 'spec', 'status')
    .select<(DbTaskRow & { has_secrets: boolean })[]>(
      knex.raw('secrets is not null as has_secrets'),
    );
  const events = await knex<DbTaskEventRow & { created_at: Date }>(
    TASK_EVENTS,
  ).orderBy('id');
  const attempts = await knex<DbAttemptRow>(ATTEMPTS).orderBy('decided_at');
  return {
    tasks: tasks.map(({ id, spec, status, has_secrets }) => ({
      id,
      status,
      hasSecrets: has_secrets,
      signInExpiredAt: signInExpiredAt.get(id),
      ...readSpec(spec),
    })),
    events: events.map(({ task_id, event_type, created_at, body }) => {
      const { message, stepId, status, error } = JSON.parse(body);
      return {
        taskId: task_id,
        type: event_type,
        at: created_at.getTime(),
        message,
        stepId,
        status,
        error: error?.message,
      };
    }),
    attempts: attempts.map(
      ({ task_id, attempt, decision, strategy, decided_at, planned }) => ({
        taskId: task_id,
        attempt,
        decision,
        strategy,
        at: new Date(decided_at).getTime(),
        planned: Boolean(planned),
      }),
    ),
  };
}

function readSpec(
  json: string,
): Pick<TaskRecord, 'template' | 'strategy' | 'isPoisoned' | 'steps'> {
  const spec: {
    templateInfo: { entityRef: string };
    steps: { id: string; recovery?: { dependsOn?: string | string[] } }[];
  } = JSON.parse(json);
  const name = spec.templateInfo.entityRef.split('/')[1];
  return {
    template: name,
    strategy: [...TEMPLATES, ...POISONED_TEMPLATES].find(t => t.name === name)!
      .strategy,
    isPoisoned: POISONED_TEMPLATES.some(t => t.name === name),
    steps: spec.steps.map(({ id, recovery }) => ({
      id,
      dependsOn: [recovery?.dependsOn ?? []].flat(),
    })),
  };
}
