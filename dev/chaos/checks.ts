import { checkAttempts } from './attemptChecks';
import { JournalEntry } from '../harness/journal';
import type {
  AttemptRecord,
  EventRecord,
  Records,
  TaskRecord,
} from './records';
import type { Lifetime } from '../harness/Replica';
import { describe, readRuns, Run, StepRun } from './runs';
import { Violation } from './violations';

export type Evidence = Records & {
  journal: JournalEntry[];
  lifetimes: Pick<Lifetime, 'pid' | 'startedAt' | 'exitedAt' | 'endedBy'>[];
};

export type Findings = {
  violations: Violation[];
  /**
   * Ends of steps that could not be stored, as the process died or the database was away right after them, so that steps
   * ran again.
   */
  unrecordedEnds: number;
};

export const ENDED = ['completed', 'failed', 'cancelled'];
const CLOSING = ['failed', 'cancelled'];

/** The journals and the database use one clock, but not to the same millisecond. */
const CLOCK_SLACK_MS = 5;

/**
 * The database's `now()` is the start of a transaction, so what is seen to happen after something else may bear an earlier
 * time. Far below the timeout, without which there is no second decision.
 */
const TRANSACTION_SLACK_MS = 1_000;

/** Looks for all that must not happen. */
export function check(evidence: Evidence): Findings {
  const runs = readRuns(evidence.journal, evidence.lifetimes);
  const events = groupByTask(evidence.events);
  const attempts = groupByTask(evidence.attempts);
  let unrecordedEnds = 0;
  const violations = evidence.tasks.flatMap(task => {
    const of = {
      task,
      runs: runs.get(task.id) ?? [],
      events: events.get(task.id) ?? [],
      attempts: attempts.get(task.id) ?? [],
    };
    const again = checkFinishedSteps(of);
    unrecordedEnds += again.unrecordedEnds;
    return [
      ...checkEnd(of),
      ...checkNone(of),
      ...checkRestart(of),
      ...again.violations,
      ...checkOverlaps(of),
      ...checkDecisions(of),
      ...checkAttempts(of, evidence.lifetimes),
    ];
  });
  return {
    violations: [...violations, ...stepProblems(evidence.journal)],
    unrecordedEnds,
  };
}

export type TaskEvidence = {
  task: TaskRecord;
  runs: Run[];
  events: EventRecord[];
  attempts: AttemptRecord[];
};

function checkEnd({ task, runs, events }: TaskEvidence): Violation[] {
  const found: Violation[] = [];
  if (!ENDED.includes(task.status)) {
    found.push({
      kind: 'notEnded',
      taskId: task.id,
      detail: `its status is ${task.status}`,
    });
  }
  if (task.hasSecrets) {
    found.push({
      kind: 'secretsLeft',
      taskId: task.id,
      detail: `its status is ${task.status}`,
    });
  }
  const end = events.find(e => e.type === 'completion');
  for (const { id, steps } of runs) {
    for (const { stepId, beganAt } of steps) {
      if (end && beganAt > end.at + CLOCK_SLACK_MS) {
        found.push({
          kind: 'ranAfterEnd',
          taskId: task.id,
          detail: `${stepId} of run ${id} began at ${beganAt}, the task ended at ${end.at}`,
        });
      }
    }
  }
  return found;
}

function checkNone({ task, runs }: TaskEvidence): Violation[] {
  if (task.strategy !== 'none') {
    return [];
  }
  return runs.slice(1).map(run => ({
    kind: 'noneRanAgain',
    taskId: task.id,
    detail: `${describe(runs[0])}, then ${describe(run)}`,
  }));
}

function checkRestart({ task, runs }: TaskEvidence): Violation[] {
  if (task.strategy !== 'restart') {
    return [];
  }
  return runs
    .filter(run => run.steps.some((s, i) => s.stepId !== task.steps[i]?.id))
    .map(run => ({
      kind: 'restartNotFromFirst',
      taskId: task.id,
      detail: describe(run),
    }));
}

/**
 * A step that had finished may run again if a step that had not finished depends on it, directly or through others. What
 * counts is what had finished before the run: a run may be interrupted before it gets to the step that needs the other.
 */
function checkFinishedSteps({ task, runs, events }: TaskEvidence): Findings {
  const violations: Violation[] = [];
  const unrecordedEnds = new Set<StepRun>();
  if (task.strategy !== 'idempotent') {
    return { violations, unrecordedEnds: 0 };
  }
  runs.forEach((run, index) => {
    const earlier = runs.slice(0, index).flatMap(r => r.steps);
    const lastEnds = new Map(
      earlier
        // An end after that is one of a run that was alive beside this one, which is a violation of its own.
        .filter(s => s.endedAt !== undefined && s.endedAt <= run.beganAt)
        .map(s => [s.stepId, s]),
    );
    const toRun = stepsToRun(task, id => lastEnds.has(id));
    const unstored = new Set(
      [...lastEnds.values()].filter(end => !isStored(end, run.beganAt, events)),
    );
    const toRunAsStored = stepsToRun(task, id => {
      const end = lastEnds.get(id);
      return end !== undefined && !unstored.has(end);
    });
    for (const { stepId, beganAt } of run.steps) {
      if (toRun.has(stepId)) {
        continue;
      }
      if (toRunAsStored.has(stepId)) {
        unstored.forEach(end => unrecordedEnds.add(end));
      } else {
        violations.push({
          kind: 'finishedStepAgain',
          taskId: task.id,
          detail: `${stepId} had ended at ${lastEnds.get(stepId)?.endedAt} and began again at ${beganAt} in ${describe(run)}`,
        });
      }
    }
  });
  return { violations, unrecordedEnds: unrecordedEnds.size };
}

/** The steps that have not finished, and those that they depend on, directly or through others. */
function stepsToRun(
  { steps }: TaskRecord,
  isFinished: (stepId: string) => boolean,
): Set<string> {
  const toRun = new Set(steps.map(s => s.id).filter(id => !isFinished(id)));
  // Also visits those that are added meanwhile.
  for (const id of toRun) {
    steps.find(s => s.id === id)?.dependsOn.forEach(d => toRun.add(d));
  }
  return toRun;
}

/**
 * Whether the scaffolder had stored that a step finished when a later run began. It writes the event after the step's state (`executeStep` of
 * NunjucksWorkflowRunner, 4.2.0), so where there is the event, there is the state.
 */
function isStored(
  { stepId, endedAt = Infinity }: StepRun,
  laterRunBeganAt: number,
  events: EventRecord[],
): boolean {
  return events.some(
    e =>
      e.type === 'log' &&
      e.stepId === stepId &&
      e.status === 'completed' &&
      // A later run that skips the step says so with the same status.
      !e.message?.startsWith('Skipping step') &&
      e.at >= endedAt - CLOCK_SLACK_MS &&
      // Not that of a run after it: a run may die before it gets to the step again.
      e.at <= laterRunBeganAt,
  );
}

function checkOverlaps({ task, runs }: TaskEvidence): Violation[] {
  const found: Violation[] = [];
  runs.forEach((run, index) => {
    for (const earlier of runs.slice(0, index)) {
      if (run.beganAt >= earlier.aliveUntil) {
        continue;
      }
      found.push({
        kind: 'runsAtOnce',
        taskId: task.id,
        detail: `${describe(earlier)}; ${describe(run)}`,
      });
      for (const a of earlier.steps) {
        const b = run.steps.find(
          s =>
            s.stepId === a.stepId &&
            s.beganAt < (a.endedAt ?? earlier.aliveUntil) &&
            a.beganAt < (s.endedAt ?? run.aliveUntil),
        );
        if (b) {
          found.push({
            kind: 'stepTwiceAtOnce',
            taskId: task.id,
            detail: `${a.stepId} began at ${a.beganAt} in run ${earlier.id} and at ${b.beganAt} in run ${run.id}`,
          });
        }
      }
    }
  });
  return found;
}

function checkDecisions({
  task,
  runs,
  events,
  attempts,
}: TaskEvidence): Violation[] {
  const found: Violation[] = [];
  const recovered = events.filter(e => e.type === 'recovered');
  const inOrder = [...attempts].sort((a, b) => a.attempt - b.attempt);
  inOrder.forEach((attempt, index) => {
    const name = `attempt ${attempt.attempt} (${attempt.decision}) at ${attempt.at}`;
    const live = runs.find(
      r =>
        r.beganAt < attempt.at - CLOCK_SLACK_MS &&
        attempt.at < r.aliveUntil - CLOCK_SLACK_MS,
    );
    if (live) {
      found.push({
        kind: 'decidedOnLiveRun',
        taskId: task.id,
        detail: `${name}; ${describe(live)}`,
      });
    }
    const next = inOrder[index + 1];
    if (!next) {
      return;
    }
    const nextName = `attempt ${next.attempt} (${next.decision}) at ${next.at}`;
    if (CLOSING.includes(attempt.decision)) {
      found.push({
        kind: 'decidedAfterClosing',
        taskId: task.id,
        detail: `${name}, then ${nextName}`,
      });
    } else if (
      !recovered.some(
        e => e.at >= attempt.at - TRANSACTION_SLACK_MS && e.at < next.at,
      )
    ) {
      found.push({
        kind: 'decidedTwice',
        taskId: task.id,
        detail: `${name}, then ${nextName}, with no recovered event in between`,
      });
    }
  });
  return found;
}

/** What the steps themselves found. */
function stepProblems(journal: JournalEntry[]): Violation[] {
  return journal.flatMap(({ taskId, stepId, runId, at, kind, problems }) =>
    problems.map(problem => ({
      kind: problem.kind,
      taskId,
      detail: `${stepId} of run ${runId} at its ${kind} at ${at}: ${problem.detail}`,
    })),
  );
}

export function groupByTask<T extends { taskId: string }>(
  items: T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group) {
      group.push(item);
    } else {
      groups.set(item.taskId, [item]);
    }
  }
  return groups;
}
