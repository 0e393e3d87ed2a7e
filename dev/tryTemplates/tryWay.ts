import { JsonObject } from '@backstage/types';
import { unlessAsked } from '../harness/command/runCommand';
import { PostgresProcess } from '../harness/PostgresProcess';
import { compareOutcomes, Comparison } from './compareOutcomes';
import { Outcome, Place, placesOf } from './outcome';
import type { TriedTemplate } from './prepare';
import type { LeftOut } from './read/template';
import { TriedSite } from './TriedSite';
import type { TriedWay } from './ways';

/** A template that was interrupted in one of its steps. */
export type Case = {
  template: string;
  step: string;
  /** Which of its steps that run it is, counted from 1, and of how many. */
  place: number;
  places: number;
} & Comparison;

/** What a way did with all templates. */
export type WayResult = {
  way: TriedWay;
  cases: Case[];
  leftOut: LeftOut[];
  /** Templates that fail when nothing interrupts them, with why. They are compared all the same. */
  failing: LeftOut[];
};

/** How it is tried. */
type Options = {
  /** The PostgreSQL server to use. SQLite if not given. */
  server?: PostgresProcess;
  /** How many tasks are interrupted at once. */
  batch: number;
  /** Filters of templates that the scaffolder does not bring, separated by commas. */
  filters: string;
  say(text: string): void;
  /** That this process is to end. */
  asked: AbortSignal;
};

/** So many tasks are started at the same time. */
const PARALLEL = 8;

const NOT_REACHED: Comparison = {
  problems: ['it did not come to this step'],
  twice: 0,
  afterFailure: 0,
};

/** A template that ran without interruption. */
type Baseline = {
  template: TriedTemplate;
  values: JsonObject;
  expected: Outcome;
};

/** Runs each template without interruption, then once for each step in which its backend is killed. */
export async function tryWay(
  way: TriedWay,
  templates: TriedTemplate[],
  options: Options,
): Promise<WayResult> {
  const { server, batch, filters, asked } = options;
  const site = await TriedSite.open(way, templates, {
    server,
    filters,
    // Those of a way in which they never end stay in the way of none.
    tasks: 2 * Math.max(batch, templates.length),
  });
  try {
    return await unlessAsked(tryOn(site, way, templates, options), asked);
  } finally {
    await site.remove();
  }
}

async function tryOn(
  site: TriedSite,
  way: TriedWay,
  templates: TriedTemplate[],
  { batch, say }: Options,
): Promise<WayResult> {
  say(`${way.heading}: running ${templates.length} templates`);
  const { baselines, leftOut } = await runUninterrupted(site, templates);
  const places = baselines.flatMap(baseline =>
    placesOf(baseline.expected).map((place, _, all) => ({
      ...{ baseline, place, places: all.length },
    })),
  );
  const cases: Case[] = [];
  for (let done = 0; done < places.length; done += batch) {
    const next = places.slice(done, done + batch);
    const range = `${done + 1} to ${done + next.length} of ${places.length}`;
    say(`${way.heading}: interrupting ${range}`);
    cases.push(...(await interrupt(site, next)));
  }
  const failing = baselines
    .filter(({ expected }) => expected.status !== 'completed')
    .map(({ template, expected }) => ({
      name: template.name,
      reason: `${expected.error}`,
    }));
  return { way, cases, leftOut, failing };
}

/** Runs each template twice, since one that does not do the same twice cannot be compared. */
async function runUninterrupted(
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

/** Does something for each item, for some of them at the same time. */
async function inParallel<T, R>(
  items: T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let done = 0; done < items.length; done += PARALLEL) {
    const next = items.slice(done, done + PARALLEL);
    results.push(...(await Promise.all(next.map(work))));
  }
  return results;
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

/** Has each task come to its place, kills the backend once for all, and compares what becomes of them. */
async function interrupt(
  site: TriedSite,
  places: { baseline: Baseline; place: Place; places: number }[],
): Promise<Case[]> {
  const ids = await inParallel(places, async ({ baseline, place }) => {
    const { run, iteration } = place;
    const { template, values } = baseline;
    return site.dispatch(template, values, { run, iteration });
  });
  await site.untilHeld(ids);
  const wereHeld = ids.map(id => site.wasHeld(id));
  await site.crash();
  await site.untilRecovered(ids);
  const outcomes = await site.outcomes(ids);
  return places.map(({ baseline, place, ...rest }, i) => {
    const { stepId, run } = place;
    const comparison = wereHeld[i]
      ? compareOutcomes(baseline.expected, outcomes[i], stepId)
      : NOT_REACHED;
    return {
      template: baseline.template.name,
      step: stepId,
      place: run + 1,
      ...rest,
      ...comparison,
    };
  });
}
