import { Knex } from 'knex';
import { readRunningTask } from '../database/operations/tasks/readRunningTask';
import { readStepEvents } from '../database/operations/taskEvents/readStepEvents';
import { StepAgainRecord } from '../database/operations/attempts/recordAttempts';
import { stepAgainRecord } from './stepAgainRecord';
import { DecisionConfig, decideOnRow } from './decideOnRow';
import { Decision } from '../decision/decision';
import { readHistory } from '../decision/plan/history';
import { TaskStrategy } from '../decision/strategy';
import { parseTaskSpec } from '../scaffolder/taskRecord';

/** What would happen to a running task if it were interrupted now. */
export type TaskForecast = {
  decision: Decision;
  strategy?: TaskStrategy;
  /** Step by step, in their order. None if nothing would run. */
  steps: StepForecast[];
};

/** What would happen to a step: it would run, run again though it has finished, or be skipped. */
type StepForecast = {
  stepId: string;
  happens: 'skipped' | 'runsAgain' | 'runs';
} & Partial<StepAgainRecord>;

/** Forecasts what would happen to running tasks if they were interrupted now. Changes nothing. */
export class Forecast {
  constructor(
    private readonly options: { knex: Knex; config: DecisionConfig },
  ) {}

  /** @returns nothing if the task does not run. */
  async forTask(taskId: string): Promise<TaskForecast | undefined> {
    const { knex, config } = this.options;
    const task = await readRunningTask(knex, taskId);
    if (!task) {
      return undefined;
    }
    const events = await readStepEvents(knex, [taskId]);
    const { decision, strategy } = decideOnRow(task, {
      history: readHistory(events.get(taskId), config.snapshots?.readable),
      config,
    });
    return { decision, strategy, steps: stepsOf(decision, task.spec) };
  }
}

function stepsOf(decision: Decision, spec: string): StepForecast[] {
  if (!('attempt' in decision)) {
    return [];
  }
  const { steps } = parseTaskSpec(spec);
  if (!('plan' in decision)) {
    return steps.map(({ id }) => ({ stepId: id, happens: 'skipped' }));
  }
  const { plan } = decision;
  const again = new Map(plan.again.map(a => [a.stepId, stepAgainRecord(a)]));
  return steps.map(({ id }): StepForecast => {
    const record = again.get(id);
    if (record) {
      return { ...record, happens: 'runsAgain' };
    }
    const happens = plan.skipped.includes(id) ? 'skipped' : 'runs';
    return { stepId: id, happens };
  });
}
