import { TemplateAction } from '@backstage/plugin-scaffolder-node';
import { JsonLines } from '../../harness/actions/JsonLines';
import { requireScaffolder } from '../../harness/inProcess/requireScaffolder';
import { TaskPlans } from '../taskPlan';
import { findWork, REAL_ACTIONS } from './works/works';
import { StepRuns } from './StepRuns';
import { CALLS_VARIABLE, PLANS_VARIABLE } from './variables';

type Registry = {
  get(id: string, options: unknown): Promise<TemplateAction<any, any, any>>;
};

/**
 * Has the scaffolder's registry give out actions that are noted and can be held, for any id. An extension could not do that: it cannot
 * replace an action that the scaffolder brings, nor know all ids of templates.
 */
export function replaceActions(): void {
  const runs = new StepRuns(
    new TaskPlans(process.env[PLANS_VARIABLE]!),
    new JsonLines(process.env[CALLS_VARIABLE]!),
  );
  const { DefaultTemplateActionRegistry } = requireScaffolder(
    'actions/TemplateActionRegistry.cjs.js',
  );
  const registry: Registry = DefaultTemplateActionRegistry.prototype;
  const { get } = registry;
  // It is called once for each step that runs, also for one with `each`.
  registry.get = async function getAction(this: Registry, id, options) {
    const real = REAL_ACTIONS.includes(id)
      ? await get.call(this, id, options)
      : undefined;
    return { ...real, id, handler: runs.begin(id, findWork(id, real)) };
  };
}
