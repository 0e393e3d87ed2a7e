import type { Epoch } from '../../evidence/epochs';
import { hasStartedOver } from './finishedSteps';
import { describe, Run } from '../../evidence/runs';
import { Violation, violation } from '../violations';

/** With `none` there is one run, of all steps. A further one is of another epoch: somebody has to start the task again. */
export function checkNone({ task, runs }: Epoch): Violation[] {
  if (task.strategy !== 'none') {
    return [];
  }
  return [
    ...notFromFirst({ task, runs }).map(run =>
      violation('noneNotFromFirst', task, describe(run)),
    ),
    ...runs
      .slice(1)
      .map(run =>
        violation(
          'noneRanAgain',
          task,
          `${describe(runs[0])}, then ${describe(run)}`,
        ),
      ),
  ];
}

/** With `restart` every run is one of all steps. */
export function checkRestart({ task, runs }: Epoch): Violation[] {
  if (task.strategy !== 'restart') {
    return [];
  }
  return notFromFirst({ task, runs }).map(run =>
    violation('restartNotFromFirst', task, describe(run)),
  );
}

/**
 * A task that has completed has run all its steps: with `idempotent` each of them to its end at some time, otherwise all in one
 * run, after a retry in one that began since.
 */
export function checkCompleted(of: Epoch): Violation[] {
  const { task, runs, earlierRuns } = of;
  if (task.status !== 'completed') {
    return [];
  }
  const goesOn = task.strategy === 'idempotent' && !hasStartedOver(of);
  const counted = goesOn ? [...earlierRuns, ...runs] : runs;
  const isWhole = (some: Run[]) =>
    task.steps.every(({ id }) =>
      some.some(r =>
        r.steps.some(s => s.stepId === id && s.endedAt !== undefined),
      ),
    );
  if (
    task.strategy === 'idempotent'
      ? isWhole(counted)
      : counted.some(run => isWhole([run]))
  ) {
    return [];
  }
  return [
    violation(
      'stepLeftOut',
      task,
      counted.map(describe).join('; ') || 'no step began',
    ),
  ];
}

function notFromFirst({ task, runs }: Pick<Epoch, 'task' | 'runs'>): Run[] {
  return runs.filter(run =>
    run.steps.some((s, i) => s.stepId !== task.steps[i]?.id),
  );
}
