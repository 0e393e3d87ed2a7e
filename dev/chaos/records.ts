import { Knex } from 'knex';
import {
  ATTEMPTS,
  DbAttemptRow,
  DbTaskEventRow,
  DbTaskRow,
  TASK_EVENTS,
  TASKS,
} from '../../src/database/tables';
import { Strategy, TEMPLATES } from './templates';

export type TaskRecord = {
  id: string;
  template: string;
  strategy: Strategy;
  status: string;
  hasSecrets: boolean;
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
};

/** What the database says in the end. */
export type Records = {
  tasks: TaskRecord[];
  /** In their order. */
  events: EventRecord[];
  attempts: AttemptRecord[];
};

/** Reads all that the checks need. Secrets are not read, only whether there are any. */
export async function readRecords(knex: Knex): Promise<Records> {
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
      ({ task_id, attempt, decision, strategy, decided_at }) => ({
        taskId: task_id,
        attempt,
        decision,
        strategy,
        at: new Date(decided_at).getTime(),
      }),
    ),
  };
}

function readSpec(
  json: string,
): Pick<TaskRecord, 'template' | 'strategy' | 'steps'> {
  const spec: {
    templateInfo: { entityRef: string };
    steps: { id: string; recovery?: { dependsOn?: string | string[] } }[];
  } = JSON.parse(json);
  const name = spec.templateInfo.entityRef.split('/')[1];
  return {
    template: name,
    strategy: TEMPLATES.find(t => t.name === name)!.strategy,
    steps: spec.steps.map(({ id, recovery }) => ({
      id,
      dependsOn: [recovery?.dependsOn ?? []].flat(),
    })),
  };
}
