import type { Epoch } from '../../evidence/epochs';
import type {
  AttemptRecord,
  EventRecord,
  TaskRecord,
} from '../../evidence/records';
import { describe, Run, StepRun } from '../../evidence/runs';
import { CLOCK_SLACK_MS } from '../../settings';
import { Violation, violation } from '../violations';

/**
 * A step that had finished may run again if a step that had not finished depends on it, directly or through others, if it
 * comes after one that had failed and runs again, or if it comes after one that runs again: all steps change files, and going back to those from
 * before that one loses them. If it is recorded that there is no snapshot to go back to, all steps may run again, unless some say what they
 * depend on. What counts is what had finished before the run: a run may be interrupted before it gets to the step that needs the other.
 *
 * @returns also the ends of steps that could not be stored, so that steps ran again.
 */
export function checkFinishedSteps(of: Epoch): {
  violations: Violation[];
  unrecordedEnds: Set<StepRun>;
} {
  const { task, runs } = of;
  const violations: Violation[] = [];
  const unrecordedEnds = new Set<StepRun>();
  if (task.strategy !== 'idempotent') {
    return { violations, unrecordedEnds };
  }
  const earlierRuns = hasStartedOver(of) ? [] : of.earlierRuns;
  const events = [...of.earlierEvents, ...of.events];
  const decisions = [
    ...of.earlierAttempts,
    ...(of.retryRecord ? [of.retryRecord] : []),
    ...of.attempts,
  ];
  runs.forEach((run, index) => {
    const earlier = [...earlierRuns, ...runs.slice(0, index)];
    const before = decisions.filter(a => a.at <= run.beganAt);
    const files = before.at(-1)?.files;
    const lastEnds = new Map(
      earlier
        .flatMap(r => r.steps)
        // An end after that is one of a run that was alive beside this one, which is a violation of its own.
        .filter(s => s.endedAt !== undefined && s.endedAt <= run.beganAt)
        .filter(s => !isForgotten(s, before.slice(0, -1)))
        .map(s => [s.stepId, s]),
    );
    const failed = failedBefore(run, task, events);
    const mayRun = (isFinished: (stepId: string) => boolean) =>
      withLostFiles(
        task,
        stepsToRun(task, isFinished, afterAny(failed, run, task)),
        files,
      );
    const toRun = mayRun(id => lastEnds.has(id));
    const unstored = new Set(
      [...lastEnds.values()].filter(end => !isStored(end, run.beganAt, events)),
    );
    const toRunAsStored = mayRun(id => {
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
        violations.push(
          violation(
            'finishedStepAgain',
            task,
            `${stepId} had ended at ${lastEnds.get(stepId)?.endedAt} and began again at ${beganAt} in ${describe(run)}`,
          ),
        );
      }
    }
    const isLast = index === runs.length - 1;
    violations.push(
      ...leftOutAfterFailed(run, {
        task,
        // One that came to its end may be recorded as finished, if only the line about it could not be written.
        failed: failed.filter(id => !endedLast(earlier, id)),
        isWhole: isLast && task.status === 'completed',
      }),
    );
  });
  return { violations, unrecordedEnds };
}

/**
 * Whether a retry let all steps of a task run since its strategy could not be looked up. Then nothing that had finished before
 * counts.
 */
export function hasStartedOver({ retryRecord }: Epoch): boolean {
  return (
    retryRecord !== undefined &&
    retryRecord.strategy === null &&
    retryRecord.decision === 'restart'
  );
}

/** The steps that have not finished, further ones that run again, and those that they depend on, directly or through others. */
function stepsToRun(
  { steps }: TaskRecord,
  isFinished: (stepId: string) => boolean,
  further: string[],
): Set<string> {
  const unfinished = steps.map(s => s.id).filter(id => !isFinished(id));
  return withDependencies(steps, [...unfinished, ...further]);
}

/** Steps that run, and those that run again since their files are lost with that. */
function withLostFiles(
  { steps }: Pick<TaskRecord, 'steps'>,
  toRun: Set<string>,
  files: AttemptRecord['files'],
): Set<string> {
  if (files?.kind === 'missing') {
    const saysDependencies = steps.some(s => s.dependsOn.length > 0);
    return saysDependencies ? toRun : new Set(steps.map(s => s.id));
  }
  const first = steps.findIndex(s => toRun.has(s.id));
  if (first < 0) {
    return toRun;
  }
  const lost = steps.slice(first).map(s => s.id);
  const running = withDependencies(steps, [...toRun, ...lost]);
  // What they depend on may lie further back.
  return running.size === toRun.size
    ? running
    : withLostFiles({ steps }, running, files);
}

function withDependencies(
  steps: TaskRecord['steps'],
  ids: string[],
): Set<string> {
  const all = new Set(ids);
  // Also visits those that are added meanwhile.
  for (const id of all) {
    steps.find(s => s.id === id)?.dependsOn.forEach(d => all.add(d));
  }
  return all;
}

/** The steps whose last state before a run was that they had failed. Its `recovered` event parts what was written before it. */
function failedBefore(
  run: Run,
  { steps }: TaskRecord,
  events: EventRecord[],
): string[] {
  const begin = events.findLastIndex(
    e => e.type === 'recovered' && e.at <= run.beganAt,
  );
  const before = events
    .slice(0, Math.max(0, begin))
    .filter(e => e.type === 'recovered' || e.status !== undefined);
  return steps
    .map(s => s.id)
    .filter(id => {
      const last = before.findLastIndex(e => e.stepId === id);
      const { status } = before[last] ?? {};
      return (
        status === 'failed' ||
        // The line about its failure could not be written, and the run went on to skip the steps after it.
        (status === 'processing' && before[last + 1]?.type === 'log')
      );
    });
}

/** The steps after those that had failed and run again. One that the run passed over did not. */
function afterAny(failed: string[], run: Run, task: TaskRecord): string[] {
  const begun = placesOf(run, task);
  return failed
    .map(id => placeOf(id, task))
    .filter(place => begun.has(place) || Math.max(...begun) < place)
    .flatMap(place => task.steps.slice(place + 1).map(s => s.id));
}

/** After a step that had failed and runs again, all later ones run again: they may have cleaned up after it. */
function leftOutAfterFailed(
  run: Run,
  of: { task: TaskRecord; failed: string[]; isWhole: boolean },
): Violation[] {
  const { task, failed, isWhole } = of;
  const begun = placesOf(run, task);
  const until = isWhole ? task.steps.length : Math.max(...begun);
  const firstFailed = Math.min(
    ...failed.map(id => placeOf(id, task)).filter(place => begun.has(place)),
  );
  return task.steps.flatMap(({ id }, place) =>
    place > firstFailed && place < until && !begun.has(place)
      ? [
          violation(
            'laterStepLeftOut',
            task,
            `${id} comes after ${task.steps[firstFailed].id}, which had failed; ${describe(run)}`,
          ),
        ]
      : [],
  );
}

function endedLast(runs: Run[], stepId: string): boolean {
  const last = runs.flatMap(r => r.steps).findLast(s => s.stepId === stepId);
  return last?.endedAt !== undefined;
}

function placesOf(run: Run, task: TaskRecord): Set<number> {
  return new Set(run.steps.map(s => placeOf(s.stepId, task)));
}

function placeOf(stepId: string, { steps }: TaskRecord): number {
  return steps.findIndex(s => s.id === stepId);
}

/** Whether an earlier decision let a step run again since there was no snapshot. It has not finished since, whatever is decided then. */
function isForgotten(
  { stepId, endedAt = Infinity }: StepRun,
  decisions: AttemptRecord[],
): boolean {
  return decisions.some(
    ({ files, again, at }) =>
      files?.kind === 'missing' && again.includes(stepId) && endedAt <= at,
  );
}

/**
 * Whether the scaffolder had stored that a step finished when a later run began. It writes the event after the step's state
 * (`executeStep` of NunjucksWorkflowRunner, 4.2.0), so where there is the event, there is the state.
 */
function isStored(
  { stepId, endedAt = Infinity }: StepRun,
  laterRunBeganAt: number,
  events: EventRecord[],
): boolean {
  return events.some(
    e =>
      wasRecorded(stepId, e) &&
      e.at >= endedAt - CLOCK_SLACK_MS &&
      // Not that of a run after it: a run may die before it gets to the step again.
      e.at <= laterRunBeganAt,
  );
}

/** Whether an event tells that a step had finished and was recorded. */
export function wasRecorded(stepId: string, event: EventRecord): boolean {
  return (
    event.type === 'log' &&
    event.stepId === stepId &&
    event.status === 'completed' &&
    // A later run that skips the step says so with the same status.
    !event.message?.startsWith('Skipping step')
  );
}
