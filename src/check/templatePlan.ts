import { readHistory } from '../decision/plan/history';
import { planRecovery, StepAgain } from '../decision/plan/plan';
import { readProgress } from '../decision/plan/progress';
import { RunFiles } from '../decision/plan/runFiles';
import { strategyOfTemplate } from '../decision/strategy';
import { StepRecords } from '../scaffolder/taskRecord';
import { Step } from '../template/dependencies';
import { stepsOfTemplate } from '../template/validateTemplate';
import { ActionTraits, StepTraits, traitsOf } from './actions';

/** What happens to a task that is interrupted at one of its steps. */
export type PlanRow = {
  interruptedAt: string;
  /** Finished steps that do not run again. */
  skipped: string[];
  /** Finished steps that run again. */
  again: StepAgain[];
  /** Where the task goes on. Nothing if it is closed. */
  goesOnAt?: string;
  /** The files that the run begins with. Nothing without snapshots, and if it is closed. */
  files?: { kind: RunFiles['kind']; stepId?: string };
};

/** How a template is checked. */
export type CheckOptions = {
  /** What is known of further actions, or known better. */
  actions?: Record<string, ActionTraits>;
  /** Whether to count on no snapshots of workspaces. */
  withoutSnapshots?: boolean;
};

/** The recovery plan of a template: a row for each step, as the module would plan it if all steps before had finished. */
export function planOfTemplate(
  spec: Record<string, unknown>,
  { actions, withoutSnapshots = false }: CheckOptions = {},
): {
  strategy: string;
  rows: PlanRow[];
} {
  const steps = stepsOfTemplate(spec);
  const { strategy } = strategyOfTemplate('', spec);
  const rows = steps.map(({ id }, i): PlanRow => {
    if (strategy === 'none') {
      return { interruptedAt: id, skipped: [], again: [] };
    }
    const { records, events } = courseUntil(steps, i, actions);
    const progress = readProgress(steps, records, readHistory(events));
    const { skipped, again, goesOnAt, files } = planRecovery(
      steps,
      progress,
      strategy,
      { hasSnapshots: !withoutSnapshots },
    );
    return {
      interruptedAt: id,
      skipped,
      again,
      goesOnAt,
      files: files && {
        kind: files.kind,
        ...('stepId' in files && { stepId: files.stepId }),
      },
    };
  });
  return { strategy, rows };
}

/** What there is of a task that was interrupted at a step: the records and the events of a run that came so far. */
function courseUntil(
  steps: Step[],
  place: number,
  actions?: Record<string, ActionTraits>,
): { records: StepRecords; events: string[] } {
  const records: StepRecords = {};
  const events: string[] = [];
  const write = (stepId: string, status: string) =>
    events.push(JSON.stringify({ stepId, status }));
  events.push(JSON.stringify(['begin', null, null, null]));
  steps.slice(0, place).forEach(({ id }, i) => {
    write(id, 'processing');
    if (isAlternative(steps, i, place)) {
      write(id, 'skipped');
    } else {
      const changed = changesFiles(traitsOf(steps[i], actions));
      events.push(JSON.stringify(['snapshot', i + 1, changed, null]));
      write(id, 'completed');
      records[id] = { status: 'completed', output: {} };
    }
  });
  write(steps[place].id, 'processing');
  return { records, events };
}

/** Whether a step changes files in the workspace. Null if it may: one that publishes them may make a git repository of it. */
function changesFiles(traits: StepTraits | undefined): boolean | null {
  if (!traits || (traits.reads && !traits.writes)) {
    return null;
  }
  return traits.writes ?? false;
}

/**
 * Whether a step is taken for one that its condition skips. Steps that share an id and all have a condition are alternatives, as
 * for several places to publish to: one of them runs, which is the one that the task is interrupted at, or else the first.
 */
function isAlternative(steps: Step[], i: number, place: number): boolean {
  const { id } = steps[i];
  const alternatives = steps.flatMap((s, k) => (s.id === id ? [k] : []));
  const runs = steps[place].id === id ? place : alternatives[0];
  return (
    alternatives.length > 1 &&
    alternatives.every(k => steps[k].if !== undefined) &&
    i !== runs
  );
}
