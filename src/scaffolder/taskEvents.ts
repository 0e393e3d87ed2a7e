import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { DbTaskRow } from './tables';

/**
 * The types of a task's events in the database. The scaffolder's page throws at others (`TaskEventType` of
 * @backstage/plugin-scaffolder-node).
 */
export const EVENT_TYPES = [
  'log',
  'completion',
  'cancelled',
  'recovered',
] as const;

/** The topic on which the scaffolder publishes what becomes of tasks. */
export const TASK_TOPIC = 'scaffolder.task';

/** An event as the scaffolder stores it, of a type that this module writes. */
export type NewTaskEvent = {
  taskId: string;
  type: Exclude<(typeof EVENT_TYPES)[number], 'cancelled'>;
  body: Record<string, unknown>;
};

/** What is published on `TASK_TOPIC`, in the shapes of the scaffolder's DatabaseTaskStore (4.2.0). */
export type TaskEventPayload = Record<string, unknown>;

/**
 * The event with which the scaffolder marks a further run. Never with its `startOver`, which would hide all that was
 * logged before (`trimEventsTillLastRecovery`, 4.2.0).
 */
export function recoveredEvent(
  taskId: string,
  strategy: string | undefined,
): NewTaskEvent {
  const body = { recoverStrategy: strategy ?? 'none' };
  return { taskId, type: 'recovered', body };
}

/** What is published of a `recovered` event that was stored. */
export function recoveredPayload(
  eventId: number,
  { taskId, body }: NewTaskEvent,
): TaskEventPayload {
  return { id: eventId, taskId, status: 'recovered', body };
}

/** What is published of a task that is closed. */
export function closedPayload(
  task: Pick<
    DbTaskRow,
    'id' | 'last_heartbeat_at' | 'created_at' | 'created_by'
  >,
  status: 'failed' | 'cancelled',
): TaskEventPayload {
  return {
    id: task.id,
    status,
    lastHeartbeatAt: task.last_heartbeat_at,
    createdAt: task.created_at,
    createdBy: task.created_by,
  };
}

/** To be called after the commit. Does not wait: who listens must not delay or fail a recovery. */
export function publishTaskEvent(
  options: { events: EventsService; logger: LoggerService },
  eventPayload: TaskEventPayload,
): void {
  options.events
    .publish({ topic: TASK_TOPIC, eventPayload })
    .catch(error =>
      options.logger.warn(`Could not publish a task event, ${error}`),
    );
}
