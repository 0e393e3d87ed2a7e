import type { JournalEntry } from '../../harness/actions/journal';
import { epochsOf } from '../evidence/epochs';
import { Evidence, readTasks } from '../evidence/evidence';
import type { LeftFiles } from '../evidence/leftFiles';
import type { TaskRecord } from '../evidence/records';
import type { StepRun } from '../evidence/runs';
import { takeoversOf, wasLeftAlive } from '../evidence/takeovers';
import { checkAttempts } from './decisions/attemptChecks';
import { checkDecisions, checkOwnedRuns } from './decisions/decisionChecks';
import { checkPlans } from './decisions/planChecks';
import { checkRecord, checkRetry } from './decisions/retryChecks';
import { checkEnd, checkFailure, checkHasEnded } from './runs/endChecks';
import { checkFinishedSteps } from './runs/finishedSteps';
import { checkOverlaps } from './runs/overlapChecks';
import { checkCompleted, checkNone, checkRestart } from './runs/strategyChecks';
import { Violation, violation } from './violations';

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
      ...checkRetried(evidence),
      ...stepProblems(evidence.journal.filter(e => !takenOver.has(e.taskId))),
      ...filesLeft(evidence.leftFiles),
    ],
    unrecordedEnds: unrecordedEnds.size,
    takenOver: takenOver.size,
  };
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

/** Of all tasks whose step fails by itself, one at least was started again. */
function checkRetried({ tasks, retries }: Evidence): Violation[] {
  const failing = tasks.filter(t => t.isFailing);
  const hasHappened = (task: TaskRecord) =>
    retries.some(r => r.taskId === task.id && r.at !== undefined);
  return failing.length === 0 || failing.some(hasHappened)
    ? []
    : [violation('noRetry', failing[0], `of ${failing.length} such tasks`)];
}

function filesLeft(left: LeftFiles[]): Violation[] {
  return left.map(({ taskId, place, count }) => ({
    kind: 'filesLeft',
    taskId,
    detail: `${count} in ${place}`,
  }));
}
