import { checkAttempts } from './attemptChecks';
import { Epoch, epochsOf, TaskEvidence } from '../evidence/epochs';
import { ENDED } from '../../harness/backend/ScaffolderClient';
import type { Fault } from '../faults/FaultInjector';
import { checkFinishedSteps } from './finishedSteps';
import { JournalEntry } from '../../harness/actions/journal';
import { checkPlans } from './planChecks';
import type { AttemptRecord, Records } from '../evidence/records';
import type { ProcessLife } from '../../harness/backend/Replica';
import { checkRecord, checkRetry } from './retryChecks';
import { describe, readRuns, StepRun } from '../evidence/runs';
import type { SnapshotRows } from '../evidence/snapshotRows';
import { checkCompleted, checkNone, checkRestart } from './strategyChecks';
import { CLOCK_SLACK_MS } from '../settings';
import {
  isLeftAlive,
  Takeover,
  takeoversOf,
  wasLeftAlive,
} from '../evidence/takeovers';
import { Violation, violation } from './violations';

export type Evidence = Records & {
  journal: JournalEntry[];
  lifetimes: ProcessLife[];
  /** What was done to the backends and to PostgreSQL. */
  faults: Fault[];
  /** The tasks of which a backend said that their files could not be stored. */
  notStored: string[];
  /** What is left in the end of the files of completed tasks. */
  snapshotRows: SnapshotRows[];
};

export type Findings = {
  violations: Violation[];
  /**
   * Ends of steps that could not be stored, as the process died or the database was away right after them, so that steps
   * ran again.
   */
  unrecordedEnds: number;
  /**
   * Tasks of which a second run began while the first was alive, since the process of that could not show it for longer than allowed. What
   * such runs do to each other is not held against the strategy.
   */
  takenOver: number;
};

const CLOSING = ['failed', 'cancelled'];

/**
 * The database's `now()` is the start of a transaction, so what is seen to happen after something else may bear an earlier
 * time. Far below the timeout, without which there is no second decision.
 */
const TRANSACTION_SLACK_MS = 1_000;

/** Looks for all that must not happen. */
export function check(evidence: Evidence): Findings {
  const unrecordedEnds = new Set<StepRun>();
  const notStored = new Set(evidence.notStored);
  const takenOver = new Set<string>();
  const violations = readTasks(evidence).flatMap(of => {
    const takeovers = takeoversOf(of, evidence.faults);
    if (of.runs.some(run => wasLeftAlive(run, takeovers))) {
      takenOver.add(of.task.id);
      return [
        ...epochsOf(of).flatMap(epoch => [
          ...checkHasEnded(epoch),
          ...checkNone(epoch),
        ]),
        ...checkOverlaps(of, takeovers),
        ...checkOwnedRuns(of, takeovers),
      ];
    }
    const ofEpochs = epochsOf(of).flatMap(epoch => {
      const again = checkFinishedSteps(epoch);
      // One may cost runs before a retry and after it.
      again.unrecordedEnds.forEach(end => unrecordedEnds.add(end));
      return [
        ...checkHasEnded(epoch),
        ...checkEnd(epoch),
        ...checkFailure(epoch),
        ...checkNone(epoch),
        ...checkRestart(epoch),
        ...again.violations,
        ...checkCompleted(epoch),
        ...checkDecisions(epoch, takeovers),
        ...checkRecord(epoch),
        ...checkAttempts(epoch, evidence.lifetimes),
      ];
    });
    return [
      ...ofEpochs,
      // What a run does does not end with its part.
      ...checkOverlaps(of, takeovers),
      ...checkOwnedRuns(of, takeovers),
      ...checkRetry(of, evidence.lifetimes),
      ...checkPlans(of, notStored),
    ];
  });
  return {
    violations: [
      ...violations,
      ...stepProblems(evidence.journal.filter(e => !takenOver.has(e.taskId))),
      ...snapshotsLeft(evidence.snapshotRows),
    ],
    unrecordedEnds: unrecordedEnds.size,
    takenOver: takenOver.size,
  };
}

/** What is known of each task. */
function readTasks(evidence: Evidence): TaskEvidence[] {
  const runs = readRuns(evidence.journal, evidence.lifetimes);
  const events = groupByTask(evidence.events);
  const attempts = groupByTask(evidence.attempts);
  const retries = groupByTask(evidence.retries);
  return evidence.tasks.map(task => ({
    task,
    runs: runs.get(task.id) ?? [],
    events: events.get(task.id) ?? [],
    attempts: attempts.get(task.id) ?? [],
    retry: retries.get(task.id)?.[0],
  }));
}

/** All tasks, each in as many parts as it was started. */
export function readEpochs(evidence: Evidence): Epoch[] {
  return readTasks(evidence).flatMap(epochsOf);
}

function checkHasEnded({ task }: Epoch): Violation[] {
  return ENDED.includes(task.status)
    ? []
    : [violation('notEnded', task, `its status is ${task.status}`)];
}

function checkEnd({ task, runs, events }: Epoch): Violation[] {
  const found: Violation[] = [];
  if (task.hasSecrets) {
    found.push(violation('secretsLeft', task, `its status is ${task.status}`));
  }
  const end = events.find(e => e.type === 'completion');
  for (const { id, steps } of runs) {
    for (const { stepId, beganAt } of steps) {
      if (end && beganAt > end.at + CLOCK_SLACK_MS) {
        found.push(
          violation(
            'ranAfterEnd',
            task,
            `${stepId} of run ${id} began at ${beganAt}, the task ended at ${end.at}`,
          ),
        );
      }
    }
  }
  return found;
}

/** No step of these fails by itself, so a task that may run again and fails without having been closed did so for the database's sake. */
function checkFailure({ task, events, attempts }: Epoch): Violation[] {
  const end = events.findLast(e => e.type === 'completion');
  return task.strategy === 'none' ||
    end?.error === undefined ||
    attempts.some(a => CLOSING.includes(a.decision))
    ? []
    : [violation('failedForDatabase', task, `at ${end.at}: ${end.error}`)];
}

function checkOverlaps(
  { task, runs }: TaskEvidence,
  takeovers: Takeover[],
): Violation[] {
  const found: Violation[] = [];
  runs.forEach((run, index) => {
    for (const earlier of runs.slice(0, index)) {
      if (
        run.beganAt >= earlier.aliveUntil ||
        wasLeftAlive(earlier, takeovers) ||
        wasLeftAlive(run, takeovers)
      ) {
        continue;
      }
      found.push(
        violation('runsAtOnce', task, `${describe(earlier)}; ${describe(run)}`),
      );
      for (const a of earlier.steps) {
        const b = run.steps.find(
          s =>
            s.stepId === a.stepId &&
            s.beganAt < (a.endedAt ?? earlier.aliveUntil) &&
            a.beganAt < (s.endedAt ?? run.aliveUntil),
        );
        if (b) {
          found.push(
            violation(
              'stepTwiceAtOnce',
              task,
              `${a.stepId} began at ${a.beganAt} in run ${earlier.id} and at ${b.beganAt} in run ${run.id}`,
            ),
          );
        }
      }
    }
  });
  return found;
}

/** Also a run from before a retry must not be alive when its task is decided on. */
function checkOwnedRuns(
  { task, runs, attempts }: TaskEvidence,
  takeovers: Takeover[],
): Violation[] {
  return attempts
    .filter(a => a.trigger === 'interruption')
    .flatMap(attempt => {
      const live = runs.find(
        r =>
          r.beganAt < attempt.at - CLOCK_SLACK_MS &&
          attempt.at < r.aliveUntil - CLOCK_SLACK_MS &&
          !takeovers.some(t => t.attempt.at <= attempt.at && isLeftAlive(r, t)),
      );
      return live
        ? [
            violation(
              'decidedOnOwnedRun',
              task,
              `${nameOf(attempt)}; ${describe(live)}`,
            ),
          ]
        : [];
    });
}

function checkDecisions(
  { task, runs, events, attempts }: Epoch,
  takeovers: Takeover[],
): Violation[] {
  const found: Violation[] = [];
  const recovered = events.filter(e => e.type === 'recovered');
  // A process that comes back may renew the heartbeat of its run, which ends a hand-over that nobody has claimed yet.
  const mayBeTakenBack = (attempt: AttemptRecord) => {
    const run = runs.findLast(r => r.beganAt <= attempt.at);
    return takeovers.some(
      t => t.attempt === attempt && run !== undefined && isLeftAlive(run, t),
    );
  };
  attempts.slice(1).forEach((next, index) => {
    const attempt = attempts[index];
    if (CLOSING.includes(attempt.decision)) {
      found.push(
        violation(
          'decidedAfterClosing',
          task,
          `${nameOf(attempt)}, then ${nameOf(next)}`,
        ),
      );
    } else if (
      !mayBeTakenBack(attempt) &&
      !recovered.some(
        e => e.at >= attempt.at - TRANSACTION_SLACK_MS && e.at < next.at,
      )
    ) {
      found.push(
        violation(
          'decidedTwice',
          task,
          `${nameOf(attempt)}, then ${nameOf(next)}, with no recovered event in between`,
        ),
      );
    }
  });
  return found;
}

function nameOf({ attempt, decision, at }: AttemptRecord): string {
  return `attempt ${attempt} (${decision}) at ${at}`;
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

function snapshotsLeft(rows: SnapshotRows[]): Violation[] {
  return rows.map(({ taskId, table, rows: count }) => ({
    kind: 'snapshotsLeft',
    taskId,
    detail: `${count} rows in ${table}`,
  }));
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
