import { Knex } from 'knex';
import {
  appendTaskEvents,
  NewTaskEvent,
} from '../database/operations/appendTaskEvents';
import { InterruptedTaskRow } from '../database/operations/lockInterruptedTask';
import { recordAttempt } from '../database/operations/recordAttempt';
import {
  InterruptedTaskUpdate,
  updateInterruptedTask,
} from '../database/operations/updateInterruptedTask';
import { RecoveryConfig } from '../config';
import { FinalDecision } from './decision';
import { closeReason, stepMessages } from './messages';
import { TaskStrategy } from './strategy';

/**
 * How a task gets to run again: opened for the workers of this process, which start after this and then look for open
 * tasks, or handed over to the scaffolder's own recovery, which wakes a worker that sleeps.
 */
export type Requeue = 'open' | 'handOver';

/** What is published on the topic `scaffolder.task`, in the shapes of the scaffolder's DatabaseTaskStore (4.2.0). */
export type TaskEventPayload = Record<string, unknown>;

/** What came of carrying out a decision. */
export type CarriedOut = {
  /** To be published once the transaction has committed. */
  publish?: TaskEventPayload;
};

/**
 * Writes a decision, whole, in the caller's transaction.
 *
 * @returns nothing if the task is no longer interrupted; then nothing is written.
 */
export async function carryOut(
  tx: Knex.Transaction,
  options: {
    task: InterruptedTaskRow;
    decision: FinalDecision;
    strategy?: TaskStrategy;
    requeue: Requeue;
    config: RecoveryConfig;
  },
): Promise<CarriedOut | undefined> {
  const { task, decision, strategy, requeue, config } = options;
  const isClose = decision.kind === 'failed' || decision.kind === 'cancelled';

  let update: InterruptedTaskUpdate;
  if (isClose) {
    update = { kind: 'close', status: decision.kind };
  } else if (requeue === 'open') {
    update = { kind: 'open', state: decision.state };
  } else {
    const { staleTimeoutSeconds } = config;
    update = { kind: 'handOver', state: decision.state, staleTimeoutSeconds };
  }

  const { timeoutSeconds } = config;
  const guard = { taskId: task.id, timeoutSeconds };
  if (!(await updateInterruptedTask(tx, guard, update))) {
    return undefined;
  }
  await recordAttempt(tx, {
    taskId: task.id,
    decision: decision.kind,
    strategy: strategy?.strategy,
  });

  if (isClose) {
    const message = closeReason(decision, strategy, task.secondsSilent);
    await appendTaskEvents(tx, task.id, closeEvents(decision, message));
    return { publish: closedPayload(task, decision.kind) };
  }

  const lines = stepMessages(decision, task.secondsSilent).map(
    (body): NewTaskEvent => ({ type: 'log', body }),
  );
  if (requeue === 'handOver') {
    await appendTaskEvents(tx, task.id, lines);
    return {};
  }
  const recovered = recoveredEvent(strategy?.strategy);
  const [eventId] = await appendTaskEvents(tx, task.id, [recovered, ...lines]);
  return { publish: recoveredPayload(task.id, eventId, recovered) };
}

/**
 * The event with which the scaffolder marks a further run. Never with its `startOver`, which would hide all that was
 * logged before (`trimEventsTillLastRecovery`, 4.2.0).
 */
export function recoveredEvent(strategy: string | undefined): NewTaskEvent {
  return { type: 'recovered', body: { recoverStrategy: strategy ?? 'none' } };
}

export function recoveredPayload(
  taskId: string,
  eventId: number,
  { body }: NewTaskEvent,
): TaskEventPayload {
  return { id: eventId, taskId, status: 'recovered', body };
}

function closeEvents(
  decision: Extract<FinalDecision, { kind: 'failed' | 'cancelled' }>,
  message: string,
): NewTaskEvent[] {
  const { runningSteps, interruptedAt, kind } = decision;
  const lines = runningSteps.map((stepId): NewTaskEvent => ({
    type: 'log',
    body: { message, stepId, status: kind },
  }));
  if (lines.length === 0 && interruptedAt) {
    // Between two steps: the reason is shown where the task stopped, but that step did not fail.
    lines.push({ type: 'log', body: { message, stepId: interruptedAt } });
  }
  const error = { name: 'InterruptedError', message };
  return [
    ...lines,
    {
      type: 'completion',
      body: kind === 'failed' ? { message, error } : { message },
    },
  ];
}

function closedPayload(
  task: InterruptedTaskRow,
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
