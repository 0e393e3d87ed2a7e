import { addDependencies, readDependencies } from '../../template/dependencies';
import { StepProgress } from './progress';
import { filesBefore, RunFiles } from './runFiles';
import { Strategy } from '../strategy';
import { TaskStep } from '../../scaffolder/taskRecord';

/** A finished step that runs again, and why. */
export type StepAgain = {
  stepId: string;
  because:
    | { kind: 'restart' }
    /** These steps are still to run and depend on it; what it left in the workspace is gone. */
    | { kind: 'neededBy'; stepIds: string[] }
    /** It ran after this step had failed, which runs again: it may have cleaned up after it. */
    | { kind: 'afterFailed'; stepId: string }
    /** Another step has the same id and has not finished. The scaffolder's record is for both. */
    | { kind: 'sharedId' }
    /** It is recorded as completed, but without the output that later steps may use. */
    | { kind: 'noOutput' }
    /** It changed files, and the run begins with those from before it. */
    | { kind: 'filesLost' }
    /** No snapshot brings the files of the finished steps back, and the template has no `dependsOn`. */
    | { kind: 'noSnapshot' }
    /** The dependencies of the template are invalid; see the plan's warning. */
    | { kind: 'invalidPlan' };
};

/** What happens to the steps of a task that goes on. Steps that share an id are named once. */
export type Plan = {
  /** Finished steps that do not run again; their outputs are restored. */
  skipped: string[];
  /** Finished steps that run again, in their order. */
  again: StepAgain[];
  /**
   * Where the task goes on, if anywhere: at the first step that had neither finished nor been skipped for its `if`, with
   * `restart` at the very first one.
   */
  goesOnAt?: string;
  /** The files that the run begins with. Nothing if no snapshots are kept. */
  files?: RunFiles;
  /** For the template's author: what is wrong with the dependencies. */
  warning?: string;
};

/**
 * Plans which steps of a task run that is to run again.
 *
 * - `restart`: all of them.
 * - `idempotent`: those that had not finished. Of the others those that ran after a step which had failed and runs again, and those
 *   that a step which runs depends on, directly or through others. A step that was skipped for its `if` does not count as one that
 *   runs.
 *
 * With snapshots, the run begins with the files that were there before the first step that runs. Finished steps after it run again as well if
 * they changed files, or may have. Without a snapshot of that moment it begins in an empty workspace. If files are lost by that and no step
 * has a `dependsOn`, all steps run again.
 *
 * A dependency that is unknown, later, or the step itself is invalid (and every circle has such a one), and so is a recovery block with
 * anything else in it: then all steps run again, which `idempotent` allows, with a warning.
 */
export function planRecovery(
  steps: TaskStep[],
  progress: StepProgress[],
  strategy: Exclude<Strategy, 'none'>,
  { hasSnapshots = false }: { hasSnapshots?: boolean } = {},
): Plan {
  const recorded = progress.filter(
    ({ state, because }) => state === 'finished' || because,
  );
  const goesOnAt = progress.find(({ state }) => state === 'toRun')?.id;
  const allAgain = (
    kind: 'restart' | 'invalidPlan' | 'noSnapshot',
    files: RunFiles = { kind: 'empty' },
  ) => ({
    skipped: [],
    again: unique(recorded).map(stepId => ({ stepId, because: { kind } })),
    ...(hasSnapshots && { files }),
  });

  if (strategy === 'restart') {
    return { ...allAgain('restart'), goesOnAt: steps[0]?.id };
  }

  const { dependencies, problems } = readDependencies(steps);
  if (problems.length > 0) {
    return {
      ...allAgain('invalidPlan'),
      goesOnAt,
      warning: `${problems[0].message}. All steps run again`,
    };
  }

  const failedAt = progress.findIndex(
    ({ state, hasFailed }) => state === 'toRun' && hasFailed,
  );
  const isAfterFailed = (place: number) =>
    failedAt >= 0 && place > failedAt && progress[place].ranAfterFailure;
  const toRun = progress.filter(
    ({ state }, i) => state === 'toRun' || isAfterFailed(i),
  );
  const needed = addDependencies(new Set(unique(toRun)), dependencies);
  const { files, running, lost } = hasSnapshots
    ? goBack(progress, needed, dependencies)
    : { running: needed };
  if (
    files?.kind === 'missing' &&
    dependencies.size === 0 &&
    progress.some(p => p.state === 'finished' && p.files?.changed !== false)
  ) {
    return { ...allAgain('noSnapshot', files), goesOnAt };
  }

  const again: StepAgain[] = [];
  const skipped: string[] = [];
  for (const stepId of unique(recorded)) {
    const places = progress.flatMap(({ id }, i) => (id === stepId ? [i] : []));
    if (!running.has(stepId)) {
      skipped.push(stepId);
    } else {
      again.push({
        stepId,
        because: becauseOf(progress[places[0]], {
          // With a shared id, the first one that a failure came before takes the others with it.
          failedId: places.some(isAfterFailed)
            ? progress[failedAt].id
            : undefined,
          neededBy: steps
            .map(({ id }) => id)
            .filter(
              (id, i, ids) =>
                ids.indexOf(id) === i &&
                running.has(id) &&
                dependencies.get(id)?.includes(stepId),
            ),
          isLost: lost?.has(stepId) ?? false,
        }),
      });
    }
  }
  return { skipped, again, goesOnAt, ...(files && { files }) };
}

/**
 * Finds the files that a run begins with, and which finished steps run again since going back to them loses what those steps changed.
 * Without a snapshot there is nothing to go back to.
 *
 * @param needed - the ids of the steps that run in any case
 */
function goBack(
  progress: StepProgress[],
  needed: Set<string>,
  dependencies: Map<string, string[]>,
): { files?: RunFiles; running: Set<string>; lost?: Set<string> } {
  const running = new Set(needed);
  const lost = new Set<string>();
  for (;;) {
    const first = progress.findIndex(
      ({ id, state }) => state !== 'skipped' && running.has(id),
    );
    if (first < 0) {
      return { running };
    }
    const files = filesBefore(progress, first);
    if (files.kind === 'missing') {
      return { files, running: needed };
    }
    const next = progress.find(
      ({ id, state, files: left }, i) =>
        i > first &&
        state === 'finished' &&
        !running.has(id) &&
        left?.changed !== false,
    );
    if (!next) {
      return { files, running, lost };
    }
    lost.add(next.id);
    addDependencies(running.add(next.id), dependencies);
  }
}

/**
 * Whether a run begins in an empty workspace. It does if nothing is skipped, and if a step runs again since others depend on it, whose
 * author counts on an empty one. Otherwise it needs what the skipped steps left, if there is anything that restores it.
 */
export function beginsEmpty({ skipped, again }: Plan): boolean {
  return (
    skipped.length === 0 ||
    again.some(({ because }) => because.kind === 'neededBy')
  );
}

/** The most specific reason. */
function becauseOf(
  { because }: StepProgress,
  {
    failedId,
    neededBy,
    isLost,
  }: { failedId?: string; neededBy: string[]; isLost: boolean },
): StepAgain['because'] {
  if (because === 'sharedId') {
    return { kind: because };
  }
  if (neededBy.length > 0) {
    return { kind: 'neededBy', stepIds: neededBy };
  }
  if (failedId !== undefined) {
    return { kind: 'afterFailed', stepId: failedId };
  }
  return { kind: isLost ? 'filesLost' : 'noOutput' };
}

/** The ids, each once, in the order of the steps. */
function unique(progress: StepProgress[]): string[] {
  return [...new Set(progress.map(({ id }) => id))];
}
