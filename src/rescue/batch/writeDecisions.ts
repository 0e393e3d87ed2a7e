import { Knex } from 'knex';
import { RecoveryConfig } from '../../config';
import { recordAttempts } from '../../database/operations/attempts/recordAttempts';
import { forgetStoredWorkspaces } from '../../database/operations/interrupted/forgetStoredWorkspaces';
import { DeadProcesses } from '../../database/operations/interrupted/interrupted';
import {
  InterruptedTaskUpdate,
  updateInterruptedTasks,
} from '../../database/operations/interrupted/updateInterruptedTasks';
import {
  appendPublishedTaskEvents,
  appendTaskEvents,
} from '../../database/operations/taskEvents/appendTaskEvents';
import { reasonOf } from '../../decision/messages/reason';
import { beginsEmpty } from '../../decision/plan/plan';
import { attemptRecord } from '../../record/attemptRecord';
import {
  DecidedTask,
  isClosed,
  WrittenDecision,
} from '../../record/decidedTask';
import { DATABASE_PROVIDER } from '../../scaffolder/settings/settings';
import {
  closedPayload,
  recoveredEvent,
  recoveredPayload,
} from '../../scaffolder/taskEvents';
import { RequeuePlan } from '../requeue/requeuePlan';
import { decisionEvents } from './decisionEvents';

/**
 * Writes decisions, each whole, in the caller's transaction.
 *
 * @param options.requeue - of the tasks that are to run again
 * @returns those of the tasks that were still interrupted; for the others nothing is written.
 */
export async function writeDecisions(
  tx: Knex.Transaction,
  options: {
    decided: DecidedTask[];
    requeue: RequeuePlan;
    config: RecoveryConfig;
    /** As the tasks were read by. */
    deadProcesses?: DeadProcesses;
  },
): Promise<WrittenDecision[]> {
  const { decided, requeue, config } = options;
  const updated = await updateTasks(tx, options);
  const written = decided
    .filter(({ task }) => updated.has(task.id))
    .map(d => ({
      ...d,
      attempt: (d.task.last?.attempt ?? 0) + 1,
      reason: reasonOf({ ...d, silence: d.task }),
    }));
  if (config.workspaceProvider === DATABASE_PROVIDER) {
    const empty = written.filter(
      ({ decision }) => 'plan' in decision && beginsEmpty(decision.plan),
    );
    await forgetStoredWorkspaces(
      tx,
      empty.map(({ task }) => task.id),
    );
  }
  await recordAttempts(tx, written.map(attemptRecord));
  // The scaffolder writes and publishes those of the tasks that were handed over.
  const opened = new Set(requeue.open);
  const recovered = written
    .filter(({ task }) => opened.has(task.id))
    .map(d => recoveredEvent(d.task.id, d.strategy?.strategy));
  const eventIds = await appendPublishedTaskEvents(tx, recovered);
  await appendTaskEvents(tx, written.flatMap(decisionEvents));
  const payloads = new Map(
    recovered.map(event => [
      event.taskId,
      recoveredPayload(eventIds.get(event.taskId)!, event),
    ]),
  );
  return written.map(d => ({
    ...d,
    publish: isClosed(d.decision)
      ? closedPayload(d.task, d.decision.kind)
      : payloads.get(d.task.id),
  }));
}

/** The ids of the tasks that were changed. */
async function updateTasks(
  tx: Knex.Transaction,
  {
    decided,
    requeue,
    config,
    deadProcesses,
  }: {
    decided: DecidedTask[];
    requeue: RequeuePlan;
    config: RecoveryConfig;
    deadProcesses?: DeadProcesses;
  },
): Promise<Set<string>> {
  const closedAs = (kind: 'failed' | 'cancelled') =>
    decided.filter(d => d.decision.kind === kind).map(({ task }) => task.id);
  const updates: [string[], InterruptedTaskUpdate][] = [
    [closedAs('failed'), { kind: 'close', status: 'failed' }],
    [closedAs('cancelled'), { kind: 'close', status: 'cancelled' }],
    [requeue.open, { kind: 'open' }],
    [
      [...requeue.handOver.keys()],
      {
        kind: 'handOver',
        staleTimeoutSeconds: config.staleTimeoutSeconds,
        delays: requeue.handOver,
      },
    ],
  ];
  const changed = changedStates(decided);
  const updated = new Set<string>();
  for (const [taskIds, update] of updates) {
    const states = new Map(
      taskIds.filter(id => changed.has(id)).map(id => [id, changed.get(id)!]),
    );
    const ids = await updateInterruptedTasks(
      tx,
      { ...config, taskIds, states, deadProcesses },
      update,
    );
    ids.forEach(id => updated.add(id));
  }
  return updated;
}

/** The states to store, of those of the tasks whose state changes. */
function changedStates(decided: DecidedTask[]): Map<string, string | null> {
  return new Map(
    decided.flatMap(({ task, decision }): [string, string | null][] =>
      !isClosed(decision) && decision.state !== task.state
        ? [[task.id, decision.state]]
        : [],
    ),
  );
}
