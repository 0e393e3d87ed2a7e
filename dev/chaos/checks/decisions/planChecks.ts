import type { TaskEvidence } from '../../evidence/epochs';
import { wasRecorded } from '../runs/finishedSteps';
import type { AttemptRecord } from '../../evidence/records';
import { describe, Run } from '../../evidence/runs';
import { CLOCK_SLACK_MS } from '../../settings';
import { Violation, violation } from '../violations';

const CLOSING = ['failed', 'cancelled'];

/**
 * The record of each decision on a task with `idempotent` fits what was there before it, and what ran after it: the steps that it says are
 * skipped or run again, and the files that the run begins with. A snapshot that is missing has its reason.
 *
 * @param notStored - the tasks of which a backend said that their files could not be stored
 */
export function checkPlans(
  of: TaskEvidence,
  notStored: Set<string>,
): Violation[] {
  const { task, attempts, retry } = of;
  const isRetryUnknown =
    retry?.at !== undefined && !attempts.some(a => a.trigger === 'retry');
  if (task.strategy !== 'idempotent' || isRetryUnknown) {
    return [];
  }
  const decisions = attempts
    .filter(a => !CLOSING.includes(a.decision))
    .sort((a, b) => a.attempt - b.attempt);
  return decisions.flatMap((decision, index) => {
    const { attempt, at, files } = decision;
    const end = decisions[index + 1]?.at ?? Infinity;
    const runs = of.runs.filter(r => r.beganAt >= at && r.beganAt < end);
    const problems = [
      ...finishedProblems(of, decision, decisions.slice(0, index)),
      ...runs.flatMap(run => runProblems(of, decision, run)),
    ];
    const found: Violation[] = problems.map(problem =>
      violation('recordFalse', task, `attempt ${attempt} at ${at}: ${problem}`),
    );
    if (
      files?.kind === 'missing' &&
      !files.problem &&
      !notStored.has(task.id)
    ) {
      found.push(
        violation(
          'missingUntold',
          task,
          `attempt ${attempt} at ${at}: none of the end of ${files.stepId}`,
        ),
      );
    }
    return found;
  });
}

/** A step is named as finished if it had finished, and only then. */
function finishedProblems(
  { task, runs, events }: TaskEvidence,
  decision: AttemptRecord,
  before: AttemptRecord[],
): string[] {
  const { at } = decision;
  const skipped = skippedBy(decision, task);
  const named = [...skipped, ...decision.again];
  const hasEnded = (id: string) =>
    runs.some(r =>
      r.steps.some(
        s => s.stepId === id && (s.endedAt ?? Infinity) <= at + CLOCK_SLACK_MS,
      ),
    );
  return task.steps.flatMap(({ id }) => {
    const droppedAt =
      before.findLast(b => !skippedBy(b, task).includes(id))?.at ?? 0;
    const isFinished = events.some(
      e => wasRecorded(id, e) && e.at >= droppedAt && e.at <= at,
    );
    if (isFinished && !named.includes(id)) {
      return [`${id} had finished, and is neither skipped nor runs again`];
    }
    return named.includes(id) && !hasEnded(id)
      ? [`${id} is named as finished, and had not ended`]
      : [];
  });
}

/** A run does what is recorded, as far as it gets. */
function runProblems(
  { task }: TaskEvidence,
  decision: AttemptRecord,
  run: Run,
): string[] {
  const { files } = decision;
  const skipped = skippedBy(decision, task);
  const begun = run.steps
    .map(s => s.stepId)
    .filter(id => !skipped.includes(id));
  const planned = task.steps.map(s => s.id).filter(id => !skipped.includes(id));
  const problems: string[] = [];
  if (begun.some((id, i) => id !== planned[i])) {
    problems.push(`${planned.join(', ')} were to run, in ${describe(run)}`);
  }
  const first = task.steps.findIndex(s => s.id === run.steps[0].stepId);
  if (!fitsFiles(task, first, files)) {
    problems.push(
      `it was to begin with files ${JSON.stringify(files)}, in ${describe(run)}`,
    );
  }
  return problems;
}

/** Where all steps had finished, a decision on an interruption names none of them. */
function skippedBy(
  { decision, skipped }: AttemptRecord,
  { steps }: TaskEvidence['task'],
): string[] {
  return decision === 'finish' ? steps.map(s => s.id) : skipped;
}

/** Whether the files that are recorded are those from before the first step that ran. */
function fitsFiles(
  { steps }: TaskEvidence['task'],
  first: number,
  files: AttemptRecord['files'],
): boolean {
  switch (files?.kind) {
    case 'snapshot':
      return files.stepId === steps[first - 1]?.id;
    case 'missing':
      // All steps run again then, unless they say what they need.
      return first === 0 || steps.some(s => s.dependsOn.length > 0);
    case 'empty':
      return first === 0;
    default:
      return false;
  }
}
