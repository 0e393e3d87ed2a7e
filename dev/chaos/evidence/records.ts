import { Knex } from 'knex';
import { ATTEMPTS, DbAttemptRow } from '../../../src/database/tables';
import {
  DbTaskEventRow,
  DbTaskRow,
  TASK_EVENTS,
  TASKS,
} from '../../../src/scaffolder/tables';
import type { RunFiles } from '../../../src/decision/plan/runFiles';
import type { SentRetry } from '../tasks/Retrier';
import { POISONED_TEMPLATES, Strategy, TEMPLATES } from '../tasks/templates';

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

/** An event as the database has it. */
export type StoredEvent = Pick<
  DbTaskEventRow,
  'id' | 'task_id' | 'event_type' | 'body'
> & { created_at: Date };

/** A decision of the module, on an interruption or on a retry. */
export type AttemptRecord = {
  taskId: string;
  attempt: number;
  /** interruption or retry */
  trigger: string;
  decision: string;
  strategy: string | null;
  at: number;
  planned: boolean;
  /** What showed that a run was interrupted: silence, shutdown, crash or connection. Nothing for a retry. */
  interruptedBy?: string;
  /** How long the task had no heartbeat when it was decided on. Nothing for a retry. */
  secondsSilent?: number;
  /** The finished steps that it lets not run again. */
  skipped: string[];
  /** The finished steps that it lets run again. */
  again: string[];
  /** The files that the run begins with. Nothing if nothing runs. */
  files?: RunFiles;
};

/** A request to start a failed task again, and what the database says of it. */
export type RetryRecord = Omit<SentRetry, 'end'> & {
  /** When the task was started again. Nothing if it was not. */
  at?: number;
};

/** What the database says in the end. */
export type Records = {
  tasks: TaskRecord[];
  /** In their order, with the ends that a retry has deleted. */
  events: EventRecord[];
  attempts: AttemptRecord[];
  retries: RetryRecord[];
};

/** Reads all that the checks need. Secrets are not read, only whether there are any. */
export async function readRecords(
  knex: Knex,
  known: { signInExpiredAt: Map<string, number>; retries: SentRetry[] },
): Promise<Records> {
  const tasks = await knex<DbTaskRow>(TASKS)
    .select('id', 'spec', 'status')
    .select<(DbTaskRow & { has_secrets: boolean })[]>(
      knex.raw('secrets is not null as has_secrets'),
    );
  const stored = await knex<StoredEvent>(TASK_EVENTS).orderBy('id');
  const attempts = await knex<DbAttemptRow>(ATTEMPTS).orderBy('decided_at');
  const { retries, deletedEnds } = readRetries(known.retries, stored);
  const events = [...stored, ...deletedEnds].sort(
    (a, b) => Number(a.id) - Number(b.id),
  );
  return {
    tasks: tasks.map(({ id, spec, status, has_secrets }) => ({
      id,
      status,
      hasSecrets: has_secrets,
      signInExpiredAt: known.signInExpiredAt.get(id),
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
    attempts: attempts.map(row => ({
      taskId: row.task_id,
      attempt: row.attempt,
      trigger: row.trigger,
      decision: row.decision,
      strategy: row.strategy,
      at: new Date(row.decided_at).getTime(),
      planned: Boolean(row.planned),
      interruptedBy: row.interrupted_by ?? undefined,
      secondsSilent: row.seconds_silent ?? undefined,
      skipped: JSON.parse(row.skipped_steps ?? '[]'),
      again: JSON.parse(row.steps_again ?? '[]').map(
        (step: { stepId: string }) => step.stepId,
      ),
      files: JSON.parse(row.files ?? 'null') ?? undefined,
    })),
    retries,
  };
}

/**
 * Tells which retries happened, whatever was answered: then the scaffolder has deleted the end and written a `recovered` event
 * (`retryTask` of `DatabaseTaskStore`, 4.2.0). It is the first after the end: nobody writes one for a task that has ended.
 */
export function readRetries(
  sent: SentRetry[],
  stored: StoredEvent[],
): { retries: RetryRecord[]; deletedEnds: StoredEvent[] } {
  const ids = new Set(stored.map(e => String(e.id)));
  const deleted = sent.filter(({ end }) => !ids.has(String(end.id)));
  const retries = sent.map(retry => {
    const { end, ...rest } = retry;
    const recovered =
      deleted.includes(retry) &&
      stored.find(
        e =>
          e.task_id === retry.taskId &&
          e.event_type === 'recovered' &&
          Number(e.id) > Number(end.id),
      );
    return {
      ...rest,
      at: recovered ? recovered.created_at.getTime() : undefined,
    };
  });
  return { retries, deletedEnds: deleted.map(({ end }) => end) };
}

/** What the spec of a task tells of it. */
export function readSpec(
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
