import { ActionContext } from '@backstage/plugin-scaffolder-node';
import { readTree } from '../../harness/steps/readTree';
import { JsonLines } from '../../harness/actions/JsonLines';
import { Entry } from '../journal';
import { TaskPlan, TaskPlans } from '../taskPlan';
import { normalise } from './normalise';

/** What an action is called with, and what it can do beside that. */
export type WorkContext = ActionContext<any, any> & {
  plan: TaskPlan;
  /** Never returns if the backend is to be killed here. */
  pause(): Promise<void>;
};

/** What an action does. */
export type Work = {
  /** Whether it reaches outside: what it is given is noted. */
  isOutside: boolean;
  /** Pauses once, in its midst. */
  run(context: WorkContext): Promise<void>;
};

/** Counts and notes the step runs of this process. */
export class StepRuns {
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly plans: TaskPlans,
    private readonly journal: JsonLines<Entry>,
  ) {}

  /** The handler for one run of a step, which may call it several times. */
  begin(action: string, work: Work) {
    let run: number | undefined;
    let iterations = 0;
    return async (context: ActionContext<any, any>): Promise<void> => {
      const taskId = context.task.id;
      run ??= this.#count(taskId);
      const iteration = iterations++;
      const plan = await this.plans.read(taskId);
      const { id: stepId = '', name: stepName = '' } = context.step ?? {};
      this.journal.append({
        kind: 'call',
        ...{ taskId, stepId, stepName, action, run, iteration },
        effect: work.isOutside
          ? {
              input: normalise(context.input, taskId),
              tree: readTree(context.workspacePath, {
                withTimes: false,
                without: taskId,
              }),
            }
          : undefined,
      });
      const isHeld =
        plan.hold?.run === run &&
        plan.hold.iteration === iteration &&
        !this.plans.wasHeld(taskId);
      const pause = async () => {
        if (isHeld) {
          this.plans.noteHeld(taskId);
          await new Promise(() => {});
        }
      };
      try {
        await work.run({ ...context, plan, pause });
      } catch (error) {
        this.journal.append({ kind: 'failure', taskId, run });
        // The scaffolder does not know of it yet.
        await pause();
        throw error;
      }
    };
  }

  #count(taskId: string): number {
    const count = this.#counts.get(taskId) ?? 0;
    this.#counts.set(taskId, count + 1);
    return count;
  }
}
