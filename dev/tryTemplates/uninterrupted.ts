import { JsonObject } from '@backstage/types';
import { compareOutcomes } from './outcomes/compareOutcomes';
import { inParallel } from './inParallel';
import type { Outcome } from './outcomes/outcome';
import type { TriedTemplate } from './prepare';
import type { LeftOut } from './read/template';
import type { TriedSite } from './TriedSite';

/** A template that ran without interruption. */
export type Baseline = {
  template: TriedTemplate;
  values: JsonObject;
  expected: Outcome;
};

/** Runs each template twice, since one that does not do the same twice cannot be compared. */
export async function runUninterrupted(
  site: TriedSite,
  templates: TriedTemplate[],
): Promise<{ baselines: Baseline[]; leftOut: LeftOut[] }> {
  const known = await site.untilKnown(templates.map(t => t.name));
  const leftOut: LeftOut[] = [];
  const started = await inParallel(templates, async template => {
    const { name, unfilled } = template;
    if (!known.has(name)) {
      const complaint = await site.complaintAbout(name);
      leftOut.push({ name, reason: `the catalog refuses it${complaint}` });
      return [];
    }
    try {
      const { id, values } = await dispatchFitting(site, template);
      const again = await site.dispatch(template, values);
      return [{ template, values, ids: [id, again] }];
    } catch (error) {
      const { message } = error as Error;
      const reason = [message.slice(0, 500), ...unfilled].join('; ');
      leftOut.push({ name, reason });
      return [];
    }
  });
  const ids = started.flat().flatMap(s => s.ids);
  await site.untilEnded(ids);
  const outcomes = await site.outcomes(ids);
  const baselines: Baseline[] = [];
  for (const { template, values, ids: own } of started.flat()) {
    const [expected, again] = own.map(id =>
      outcomes.find(o => o.taskId === id)!,
    );
    const { problems } = compareOutcomes(expected, again);
    if (problems.length > 0) {
      const reason = `two runs of it differ: ${problems.join('; ')}`;
      leftOut.push({ name: template.name, reason });
    } else {
      baselines.push({ template, values, expected });
    }
  }
  return { baselines, leftOut };
}

/** Starts a task with the first values that the scaffolder accepts. */
async function dispatchFitting(
  site: TriedSite,
  template: TriedTemplate,
): Promise<{ id: string; values: JsonObject }> {
  let refusal: unknown;
  for (const values of template.values) {
    try {
      return { id: await site.dispatch(template, values), values };
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}
