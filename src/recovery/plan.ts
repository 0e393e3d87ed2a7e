import { readDependencies } from '../template/dependencies';
import { Strategy } from './strategy';
import { StepRecords, TaskStep } from './taskRecord';

/** A finished step that runs again, and why. */
export type StepAgain = {
  stepId: string;
  because:
    | { kind: 'restart' }
    /** These steps are still to run and depend on it; what it left in the workspace is gone. */
    | { kind: 'neededBy'; stepIds: string[] }
    /** It is recorded as completed, but without the output that later steps may use. */
    | { kind: 'noOutput' }
    /** The dependencies of the template make no sense; see the plan's warning. */
    | { kind: 'invalidPlan' };
};

/** What happens to the steps of a task that goes on. */
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
  /** For the template's author: what is wrong with the dependencies. */
  warning?: string;
};

/**
 * Plans which steps of an interrupted task run.
 *
 * - `restart`: all of them.
 * - `idempotent`: those that had not finished, and of the others those that a step which runs depends on, directly or
 *   through others. A step that was skipped for its `if` does not count as one that runs: its condition is looked at
 *   again, and nothing is run again on the chance that it comes out otherwise.
 *
 * A dependency that is unknown, later, or the step itself makes no sense (and every circle has such a one), and neither
 * does a recovery block with anything else in it: then all steps run again, which `idempotent` allows, with a warning.
 *
 * @param skippedByIf - the ids of the steps that were skipped for their `if`
 */
export function planRecovery(
  steps: TaskStep[],
  records: StepRecords,
  strategy: Exclude<Strategy, 'none'>,
  skippedByIf: ReadonlySet<string> = new Set(),
): Plan {
  const isToRun = (id: string) =>
    !isFinished(records, id) && !skippedByIf.has(id);
  const completed = steps.filter(s => isCompleted(records, s.id));
  const goesOnAt = steps.find(s => isToRun(s.id))?.id;
  const allAgain = (kind: 'restart' | 'invalidPlan'): StepAgain[] =>
    completed.map(({ id }) => ({ stepId: id, because: { kind } }));

  if (strategy === 'restart') {
    return {
      skipped: [],
      again: allAgain('restart'),
      goesOnAt: steps[0]?.id,
    };
  }

  const { dependencies, problems } = readDependencies(steps);
  if (problems.length > 0) {
    return {
      skipped: [],
      again: allAgain('invalidPlan'),
      goesOnAt,
      warning: `${problems[0].message}. All steps run again`,
    };
  }

  // From the last step to the first: a dependency always stands before the step that has it.
  const neededBy = new Map<string, string[]>();
  for (const { id } of [...steps].reverse()) {
    if (isToRun(id) || neededBy.has(id)) {
      for (const dependency of dependencies.get(id) ?? []) {
        neededBy.set(dependency, [id, ...(neededBy.get(dependency) ?? [])]);
      }
    }
  }

  const again: StepAgain[] = [];
  const skipped: string[] = [];
  for (const { id } of completed) {
    const stepIds = neededBy.get(id);
    if (stepIds) {
      again.push({ stepId: id, because: { kind: 'neededBy', stepIds } });
    } else if (!isFinished(records, id)) {
      again.push({ stepId: id, because: { kind: 'noOutput' } });
    } else {
      skipped.push(id);
    }
  }
  return { skipped, again, goesOnAt };
}

/** Whether a step need not run again for its own sake: it completed, and its output can be restored. */
export function isFinished(records: StepRecords, stepId: string): boolean {
  return isCompleted(records, stepId) && records[stepId]?.output !== undefined;
}

/** Whether it is recorded that a step completed. */
export function isCompleted(records: StepRecords, stepId: string): boolean {
  return (
    Object.hasOwn(records, stepId) && records[stepId]?.status === 'completed'
  );
}
