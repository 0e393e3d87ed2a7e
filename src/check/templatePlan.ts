import { planRecovery, StepAgain } from '../recovery/plan';
import { strategyOfTemplate } from '../recovery/strategy';
import { StepRecords } from '../recovery/taskRecord';
import { stepsOfTemplate } from '../template/validateTemplate';

/** What happens to a task that is interrupted at one of its steps. */
export type PlanRow = {
  interruptedAt: string;
  /** Finished steps that do not run again. */
  skipped: string[];
  /** Finished steps that run again. */
  again: StepAgain[];
  /** Where the task goes on. Nothing if it is closed. */
  goesOnAt?: string;
};

/** The recovery plan of a template: a row for each step, as the module would plan it if all steps before had finished. */
export function planOfTemplate(spec: Record<string, unknown>): {
  strategy: string;
  rows: PlanRow[];
} {
  const steps = stepsOfTemplate(spec);
  const { strategy } = strategyOfTemplate('', spec);
  const rows = steps.map(({ id }, i): PlanRow => {
    if (strategy === 'none') {
      return { interruptedAt: id, skipped: [], again: [] };
    }
    const records: StepRecords = Object.fromEntries(
      steps
        .slice(0, i)
        .map(step => [step.id, { status: 'completed', output: {} }]),
    );
    const { skipped, again, goesOnAt } = planRecovery(steps, records, strategy);
    return { interruptedAt: id, skipped, again, goesOnAt };
  });
  return { strategy, rows };
}
