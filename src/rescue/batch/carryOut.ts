import { Knex } from 'knex';
import {
  appendPublishedTaskEvents,
  appendTaskEvents,
} from '../../database/operations/taskEvents/appendTaskEvents';
import { InterruptedTaskRow } from '../../database/operations/interrupted/selectForDecision';
import {
  NewAttempt,
  recordAttempts,
  StepAgainRecord,
} from '../../database/operations/attempts/recordAttempts';
import {
  InterruptedTaskUpdate,
  updateInterruptedTasks,
} from '../../database/operations/interrupted/updateInterruptedTasks';
import { forgetStoredWorkspaces } from '../../database/operations/interrupted/forgetStoredWorkspaces';
import { RecoveryConfig } from '../../config';
import { DATABASE_PROVIDER } from '../../scaffolder/settings/settings';
import { FinalDecision } from '../../decision/decision';
import {
  asLines,
  reasonOf,
  stepMessages,
} from '../../decision/messages/messages';
import { beginsEmpty, Plan, StepAgain } from '../../decision/plan/plan';
import { TaskStrategy } from '../../decision/strategy';
import {
  closedPayload,
  NewTaskEvent,
  recoveredEvent,
  recoveredPayload,
  TaskEventPayload,
} from '../../scaffolder/taskEvents';

/**
 * How tasks get to run again: opened for the workers of this process, which start after this and then look for open
 * tasks, but for those that are to wait, or all handed over to the scaffolder's own recovery, which wakes a worker that sleeps.
 */
export type Requeue = 'open' | 'handOver';

/** A task and what was decided on it. */
export type DecidedTask = {
  task: Omit<InterruptedTaskRow, 'spec'>;
  decision: FinalDecision;
  strategy?: TaskStrategy;
};

/** A task whose decision was written. */
export type CarriedOut = DecidedTask & {
  /** The number of the decision, counted from 1 for each task. */
  attempt: number;
  /** What the log of the task says. */
  reason: string;
  /** To be published once the transaction has committed. */
  publish?: TaskEventPayload;
};

type Options = {
  decided: DecidedTask[];
  requeue: Requeue;
  config: RecoveryConfig;
  /** Which of the tasks wait until they are opened, and for how many seconds. They are handed over. */
  delays: (taskIds: string[]) => Map<string, number>;
};

/**
 * Writes decisions, each whole, in the caller's transaction.
 *
 * @returns those of the tasks that were still interrupted; for the others nothing is written.
 */
export async function carryOut(
  tx: Knex.Transaction,
  options: Options,
): Promise<CarriedOut[]> {
  const { decided, requeue, config } = options;
  const delays = options.delays(
    decided.filter(d => !isClosed(d.decision)).map(({ task }) => task.id),
  );
  const outcomeOf = ({ task, decision }: DecidedTask) => {
    if (isClosed(decision)) {
      return decision.kind;
    }
    return delays.has(task.id) ? 'handOver' : requeue;
  };
  const updated = new Set<string>();
  for (const outcome of ['failed', 'cancelled', 'open', 'handOver'] as const) {
    const tasks = decided.filter(d => outcomeOf(d) === outcome);
    const taskIds = tasks.map(({ task }) => task.id);
    const ids = await updateInterruptedTasks(
      tx,
      {
        ...config,
        taskIds,
        states: changedStates(tasks),
      },
      updateFor(outcome, { config, delays }),
    );
    ids.forEach(id => updated.add(id));
  }

  const carriedOut = decided
    .filter(({ task }) => updated.has(task.id))
    .map(d => ({
      ...d,
      attempt: (d.task.last?.attempt ?? 0) + 1,
      reason: reasonOf({ ...d, silence: d.task }),
    }));
  if (config.workspaceProvider === DATABASE_PROVIDER) {
    const empty = carriedOut.filter(
      ({ decision }) => 'plan' in decision && beginsEmpty(decision.plan),
    );
    await forgetStoredWorkspaces(
      tx,
      empty.map(({ task }) => task.id),
    );
  }
  await recordAttempts(tx, carriedOut.map(recordOf));
  // Of a task that was handed over, the scaffolder writes and publishes it.
  const recovered = carriedOut
    .filter(d => outcomeOf(d) === 'open')
    .map(d => recoveredEvent(d.task.id, d.strategy?.strategy));
  const eventIds = await appendPublishedTaskEvents(tx, recovered);
  await appendTaskEvents(tx, carriedOut.flatMap(linesOf));
  const payloads = new Map(
    recovered.map(event => [
      event.taskId,
      recoveredPayload(eventIds.get(event.taskId)!, event),
    ]),
  );
  return carriedOut.map(d => ({
    ...d,
    publish: isClosed(d.decision)
      ? closedPayload(d.task, d.decision.kind)
      : payloads.get(d.task.id),
  }));
}

function recordOf({
  task,
  decision,
  strategy,
  attempt,
  reason,
}: CarriedOut): NewAttempt {
  const {
    skipped = [],
    again = [],
    files,
  } = 'plan' in decision ? decision.plan : ({} as Partial<Plan>);
  return {
    taskId: task.id,
    attempt,
    decision: decision.kind,
    isClose: isClosed(decision),
    templateRef: decision.templateRef,
    strategy: strategy?.strategy,
    strategySource: strategy?.source,
    reason,
    interruptedAt: decision.interruptedAt,
    skippedSteps: skipped,
    stepsAgain: again.map(stepAgainRecord),
    files,
    secondsSilent: task.secondsSilent,
    planned: task.planned,
    ...('attempt' in decision
      ? {
          spent: decision.attempt.spent,
          finishedSteps: decision.attempt.finishedSteps,
          finalAttempt: decision.attempt.isFinalAttempt,
        }
      : // A manual retry of a closed task starts the count anew.
        {
          spent: 0,
          finishedSteps: task.last?.finishedSteps ?? 0,
          finalAttempt: false,
        }),
  };
}

/** A finished step that runs again, as the record and the API tell of it. */
export function stepAgainRecord({
  stepId,
  because,
}: StepAgain): StepAgainRecord {
  return {
    stepId,
    because: because.kind,
    ...(because.kind === 'neededBy' && { neededBy: because.stepIds }),
    ...(because.kind === 'afterFailed' && { failedStep: because.stepId }),
  };
}

/** A decision after which nothing runs any more. */
export type Closed = Extract<FinalDecision, { kind: 'failed' | 'cancelled' }>;

export function isClosed(decision: FinalDecision): decision is Closed {
  return decision.kind === 'failed' || decision.kind === 'cancelled';
}

function updateFor(
  outcome: Closed['kind'] | Requeue,
  { config, delays }: Pick<Options, 'config'> & { delays: Map<string, number> },
): InterruptedTaskUpdate {
  switch (outcome) {
    case 'open':
      return { kind: 'open' };
    case 'handOver':
      return {
        kind: 'handOver',
        staleTimeoutSeconds: config.staleTimeoutSeconds,
        delays,
      };
    default:
      return { kind: 'close', status: outcome };
  }
}

function changedStates(tasks: DecidedTask[]): Map<string, string | null> {
  const states = new Map<string, string | null>();
  for (const { task, decision } of tasks) {
    if (!isClosed(decision) && decision.state !== task.state) {
      states.set(task.id, decision.state);
    }
  }
  return states;
}

/** What the log of a task says of its decision, and for one that ends its end. */
function linesOf({ task, decision, reason }: CarriedOut): NewTaskEvent[] {
  if (isClosed(decision)) {
    return closeEvents(task.id, decision, reason);
  }
  return stepMessages(decision, task).map(({ stepId, message }) => ({
    taskId: task.id,
    type: 'log',
    body: { message: asLines(message), stepId },
  }));
}

function closeEvents(
  taskId: string,
  { runningSteps, interruptedAt, kind }: Closed,
  message: string,
): NewTaskEvent[] {
  const lines = runningSteps.map((stepId): NewTaskEvent => ({
    taskId,
    type: 'log',
    body: { message: asLines(message), stepId, status: kind },
  }));
  if (lines.length === 0 && interruptedAt) {
    // Between two steps: the reason is shown where the task stopped, but that step did not fail.
    const body = { message: asLines(message), stepId: interruptedAt };
    lines.push({ taskId, type: 'log', body });
  }
  const error = { name: 'InterruptedError', message };
  const body = kind === 'failed' ? { message, error } : { message };
  return [...lines, { taskId, type: 'completion', body }];
}
