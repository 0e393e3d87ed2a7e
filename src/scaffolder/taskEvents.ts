import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { NewTaskEvent } from '../database/operations/taskEvents/appendTaskEvents';
import { InterruptedTaskRow } from '../database/operations/interrupted/selectForDecision';

/** What is published on the topic `scaffolder.task`, in the shapes of the scaffolder's DatabaseTaskStore (4.2.0). */
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

export function recoveredPayload(
  eventId: number,
  { taskId, body }: NewTaskEvent,
): TaskEventPayload {
  return { id: eventId, taskId, status: 'recovered', body };
}

export function closedPayload(
  task: Omit<InterruptedTaskRow, 'spec'>,
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
    .publish({ topic: 'scaffolder.task', eventPayload })
    .catch(error =>
      options.logger.warn(`Could not publish a task event, ${error}`),
    );
}
